"""A scenario becomes chat messages, as the toolset's prompt profile says. Knows nothing of wire formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.records import NO_TOOL, TRIGGER, Message, Scenario, Toolset

Shots = Callable[[Scenario], Sequence[Scenario]]
"""The examples that stand in the prompt of a scenario."""
DONE = {"status": "ok"}
"""What tools are said to have answered in examples: endpoints refuse a call that has no result."""


def no_shots(scenario: Scenario) -> Sequence[Scenario]:
    return ()


def to_messages(scenario: Scenario, toolset: Toolset, examples: Sequence[Scenario] = ()) -> tuple[Message, ...]:
    """System prompt, examples, earlier turns and the request, ready for a dialect to render.

    The ``router`` style carries the mode's system prompt inside the user turn; its system message is the trigger.

    Args:
        examples: scenarios that are shown with what must happen, each as a turn of its own.
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
    shown = (message for example in examples for message in _example(example, toolset))
    return (Message("system", system), *shown, *earlier, Message("user", request))


def _example(scenario: Scenario, toolset: Toolset) -> tuple[Message, ...]:
    """The request of a scenario and what must be answered; its calls were made and went well."""
    request = to_messages(scenario, toolset)[-1]
    calls = tuple(expected.call for expected in scenario.outcome.calls)
    if not calls:
        return (request, Message("assistant", NO_TOOL))
    results = (Message("tool", name=call.name, result=DONE) for call in calls)
    return (request, Message("assistant", calls=calls), *results)


def _context_text(scenario: Scenario) -> str:
    """``OS: linux, Shell: bash`` on one line, then ``Query: …`` (Caro's form); unknown parts are left out."""
    parts = [f"{label}: {value}" for label, value in (("OS", scenario.os), ("Shell", scenario.shell)) if value]
    return f"{', '.join(parts)}\nQuery: {scenario.request}" if parts else scenario.request


def _router_text(scenario: Scenario, system: str) -> str:
    """``[MODE] … [SYSTEM_PROMPT] … [USER_REQUEST] …`` (PC-AI's form)."""
    return f"[MODE] {scenario.mode or 'chat'}\n[SYSTEM_PROMPT]\n{system}\n[USER_REQUEST]\n{scenario.request}"
