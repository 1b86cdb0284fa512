"""The router as a library, on random weights: real decoding, real grammars."""

import pytest
import torch

from tests.small_models import FAMILIES, make_gemma, make_neox
from workbench.errors import WorkbenchError
from workbench.grammars import Choice
from workbench.inference import router as router_module
from workbench.inference.engine import LoadedModel, load
from workbench.inference.picking import Sampling
from workbench.inference.prefix_cache import PrefixCache
from workbench.inference.replies import reply_to
from workbench.inference.router import Router, Wish
from workbench.records import Message, Model, PromptProfile, Scenario, Tool, ToolCall, Toolset

CLOCK = Tool("clock", "Tell the time.", {"type": "object", "properties": {}})
PING = Tool(
    "ping",
    "Test a host.",
    {"type": "object", "properties": {"host": {"type": "string", "maxLength": 6}}, "required": ["host"]},
)
TOOLSET = Toolset("net", (CLOCK, PING), PromptProfile(style="context"))
FORCED = Wish(choice=Choice("forced", several=False))


@pytest.fixture(scope="module", params=[*FAMILIES, "neox"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    make = FAMILIES.get(request.param, make_neox)
    folder = make(tmp_path_factory.mktemp(request.param))
    dialect = "hermes" if request.param == "neox" else "auto"
    return load(Model("small", "Small", str(folder), dialect=dialect), torch.float32)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    folder = make_gemma(tmp_path_factory.mktemp("gemma"))
    return Router(load(Model("small", "Small", str(folder)), torch.float32), TOOLSET)


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


def test_it_answers_as_an_evaluation_does(loaded: LoadedModel) -> None:
    scenarios = [Scenario(f"s{i}", "net", f"ping host {i}", os="linux", shell="bash") for i in range(5)]
    for constrained in (False, True):
        router = Router(loaded, TOOLSET, constrained)
        expected = {r.scenario_id: r for r in reply_to(loaded, scenarios, TOOLSET, 128, constrained=constrained)}
        for scenario in scenarios:
            found = router.route(scenario.request, "linux", "bash")
            assert found.raw == expected[scenario.id].raw and found.calls == expected[scenario.id].parsed.calls
            assert found.confidence == pytest.approx(expected[scenario.id].confidence, rel=1e-2, abs=1e-9)


def test_a_forced_call_and_none(router: Router) -> None:
    (found,) = router.reply(ask("ping it"), TOOLSET.tools, FORCED)
    assert len(found.calls) == 1 and not found.problems and not found.malformed and found.finish == "calls"
    named = Wish(choice=Choice("forced", "clock", several=False))
    assert router.reply(ask("ping it"), TOOLSET.tools, named)[0].calls == (ToolCall("clock", {}),)
    assert router.reply(ask("ping it"), TOOLSET.tools, Wish(choice=Choice("none"), max_new_tokens=9))[0].calls == ()


def test_what_fails_is_reported_not_repaired(router: Router) -> None:
    (found,) = router.reply(ask("ping it"), TOOLSET.tools, Wish(choice=Choice("forced", "ping"), max_new_tokens=5))
    assert found.finish == "length" and found.malformed.startswith("cut") and found.calls == ()


def test_several_drawn_replies_differ_and_are_the_same_again(router: Router) -> None:
    wish = Wish(choice=FORCED.choice, sampling=Sampling(temperature=5.0, seed=3), count=4)
    first = [found.raw for found in router.reply(ask("ping it"), TOOLSET.tools, wish)]
    assert len(set(first)) > 1
    assert [found.raw for found in router.reply(ask("ping it"), TOOLSET.tools, wish)] == first


def test_text_is_told_while_it_grows_and_can_be_cut(router: Router) -> None:
    seen: list[str] = []

    def listen(row: int, text: str, taken: object) -> bool:
        seen.append(text)
        return len(seen) < 5

    wish = Wish(constrained=False, max_new_tokens=40)
    (found,) = router.reply(ask("ping it"), TOOLSET.tools, wish, listen)
    assert len(seen) == 5 and found.completion_tokens == 5 and found.finish == "cancelled"
    (whole,) = router.reply(ask("ping it"), TOOLSET.tools, wish)
    assert whole.raw.startswith(found.raw)
    middle = whole.raw[len(whole.raw) // 2 :][:3]
    (cut,) = router.reply(ask("ping it"), TOOLSET.tools, Wish(constrained=False, max_new_tokens=40, stop=(middle,)))
    assert cut.raw == whole.raw[: whole.raw.find(middle)] and cut.finish == "stop"


def test_prefixes_are_computed_once_and_forgotten_in_turn(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    prefill = router_module.prefill
    monkeypatch.setattr(router_module, "prefill", lambda *given: computed.append(1) or prefill(*given))
    router.prefixes = PrefixCache()
    for text in ("ping one", "find two", "3"):
        router.reply(ask(text), TOOLSET.tools, FORCED)
    assert len(computed) == 1
    for tools in ((CLOCK,), (PING,), (CLOCK,)):
        router.reply(ask("ping one"), tools, FORCED)
    assert len(computed) == 3 and len(router.prefixes) == 3
    router.prefixes.most = router.prefixes.bytes - 1
    router.reply(ask("ping one"), (PING,), FORCED)
    assert len(computed) == 3 and len(router.prefixes) == 2 and router.prefixes.bytes <= router.prefixes.most
    router.reply(ask("ping one"), TOOLSET.tools, FORCED)
    assert len(computed) == 4
    router.prefixes.most = 0
    assert router.reply(ask("ping one"), (CLOCK,), FORCED)[0].calls and len(router.prefixes) == 1


def test_a_short_beginning_does_not_stand_for_a_long_one(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    router.prefixes = PrefixCache()
    router.reply(ask("hello"), (), Wish(choice=Choice("none"), max_new_tokens=2))
    router.reply(ask("hello"), TOOLSET.tools, FORCED)
    assert sorted(len(one.tokens) > 20 for one in router.prefixes._known.values()) == [False, True]


def test_a_tool_result_is_answered(loaded: LoadedModel) -> None:
    router = Router(loaded, TOOLSET)
    turns = [
        *ask("what time is it"),
        Message("assistant", calls=(ToolCall("clock", {}),)),
        Message("tool", name="clock", result={"time": "12:00"}),
    ]
    assert router.reply(turns, TOOLSET.tools, Wish(max_new_tokens=8))[0].completion_tokens >= 1


def test_a_prompt_that_is_too_long_is_refused(router: Router) -> None:
    with pytest.raises(WorkbenchError, match="tokens, more than"):
        router.reply(ask("ping " * 40_000), TOOLSET.tools, FORCED)
