"""A scenario becomes chat messages, as the toolset's prompt profile says. Knows nothing of wire formats."""

from __future__ import annotations

from workbench.records import TRIGGER, Message, Scenario, Toolset


def to_messages(scenario: Scenario, toolset: Toolset) -> tuple[Message, ...]:
    """System prompt, earlier turns and the request, ready for a dialect to render.

    The ``router`` style carries the mode's system prompt inside the user turn; its system message is the trigger.
    """
    profile = toolset.profile
    system = profile.system_for(scenario.mode)
    if profile.style == "router":
        request, system = _router_text(scenario, system), TRIGGER
    elif profile.style == "context":
        request = _context_text(scenario)
    else:
        request = scenario.request
    earlier = tuple(Message(turn.role, turn.content, turn.calls, turn.name, turn.result) for turn in scenario.history)
    return (Message("system", system), *earlier, Message("user", request))


def _context_text(scenario: Scenario) -> str:
    """``OS: linux, Shell: bash`` on one line, then ``Query: …`` (Caro's form); unknown parts are left out."""
    parts = [f"{label}: {value}" for label, value in (("OS", scenario.os), ("Shell", scenario.shell)) if value]
    return f"{', '.join(parts)}\nQuery: {scenario.request}" if parts else scenario.request


def _router_text(scenario: Scenario, system: str) -> str:
    """``[MODE] … [SYSTEM_PROMPT] … [USER_REQUEST] …`` (PC-AI's form)."""
    return f"[MODE] {scenario.mode or 'chat'}\n[SYSTEM_PROMPT]\n{system}\n[USER_REQUEST]\n{scenario.request}"
