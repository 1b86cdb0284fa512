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


SHORT = Wish(max_new_tokens=30)
WISHES = (
    (ask("ping host 1"), TOOLSET.tools, Wish(max_new_tokens=40)),
    (ask("what time is it"), (CLOCK,), FORCED),
    (ask("please ping host 2 and show me the files"), TOOLSET.tools, Wish(constrained=False, max_new_tokens=25)),
    ([Message("system", "Be quick."), *ask("ping 3")], (PING,), Wish(choice=Choice("forced"), max_new_tokens=60)),
    (ask("ping host 4"), TOOLSET.tools, Wish(sampling=Sampling(temperature=2.0, seed=5), count=3, max_new_tokens=20)),
    (ask("find files"), (), Wish(choice=Choice("none"), max_new_tokens=15)),
    (ask("ping host 6"), TOOLSET.tools, Wish(choice=Choice("forced", several=False), beams=3, max_new_tokens=30)),
)


def test_replies_are_the_same_whatever_else_is_answered(loaded: LoadedModel) -> None:
    """Requests with different tools, settings and lengths come while others are under way."""
    wishes = [one for one in WISHES if loaded.shares_prefixes or not one[2].beams]
    alone = [Router(loaded, TOOLSET, rows=1).reply(*one) for one in wishes]
    router = Router(loaded, TOOLSET, rows=6)
    pending, done = [], 0
    for at, one in enumerate([*wishes, *reversed(wishes)]):
        pending.append(router.begin(*one))
        for _ in range(at % 4):
            done += len(router.step())
    while router.busy:
        done += len(router.step())
    assert done == len(pending)
    for found, expected in zip(pending, [*alone, *reversed(alone)], strict=True):
        assert [(one.raw, one.calls, one.finish) for one in found.decisions] == [
            (one.raw, one.calls, one.finish) for one in expected
        ]
        for one, other in zip(found.decisions, expected, strict=True):
            assert one.confidence == pytest.approx(other.confidence, rel=1e-2, abs=1e-9)


def test_what_was_taken_back_ends_and_lets_others_in(router: Router) -> None:
    router.rows = 1
    first = router.begin(ask("ping it"), TOOLSET.tools, Wish(constrained=False, max_new_tokens=500))
    second, third = (router.begin(ask("ping it"), TOOLSET.tools, FORCED) for _ in range(2))
    router.step()
    assert not second.hands[0].ended and not second.rows, "there is room for one"
    first.cancel()
    third.cancel()
    while router.busy:
        router.step()
    router.rows = 32
    assert first.decisions[0].finish == "cancelled" and first.decisions[0].completion_tokens < 5
    assert second.decisions[0].calls and third.decisions[0].completion_tokens <= 10
    given_up = router.begin(ask("ping it"), TOOLSET.tools, FORCED)
    router.step()
    assert router.drop("out of memory") == [given_up] and given_up.error == "out of memory" and not router.busy


def test_one_reply_that_its_grammar_leaves_is_told_and_others_go_on(router: Router) -> None:
    good, bad = (router.begin(ask("ping it"), TOOLSET.tools, FORCED) for _ in range(2))
    matcher = bad.hands[0]._matcher

    def broken() -> None:
        raise WorkbenchError("The grammar cannot be followed any further.")

    matcher.allowed = broken
    while router.busy:
        router.step()
    assert "grammar" in bad.error and not bad.decisions and good.decisions[0].calls


def test_beams_find_the_most_probable_replies(router: Router) -> None:
    """Against every reply that this grammar allows."""
    tools = (CLOCK, Tool("bell", "Ring.", {"type": "object", "properties": {"n": {"enum": [1, 2, 3]}}}))
    choice = Choice("forced", several=False)
    found = router.reply(ask("ring"), tools, Wish(choice=choice, beams=8, count=8))
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    assert len({one.raw for one in found}) == len(found) > 1 and all(one.calls and not one.problems for one in found)
    (greedy,) = router.reply(ask("ring"), tools, Wish(choice=choice))
    assert found[0].confidence >= greedy.confidence * 0.999
    (cut,) = router.reply(ask("ring"), tools, Wish(choice=choice, beams=2, stop=(":",)))
    assert cut.raw.endswith("call") and cut.finish == "stop"


def test_json_of_a_schema(loaded: LoadedModel) -> None:
    schema = '{"type": "object", "properties": {"name": {"enum": ["a", "b"]}}, "required": ["name"]}'
    router = Router(loaded, TOOLSET)
    said = router.reply(ask("which"), (), Wish(choice=Choice("none", schema=schema)))[0]
    assert said.text in ('{"name": "a"}', '{"name": "b"}') and not said.calls and not said.problems
    free = Wish(choice=Choice("none", schema=schema), constrained=False, max_new_tokens=4)
    assert router.reply(ask("which"), (), free)[0].problems
    either = router.reply(ask("which"), TOOLSET.tools, Wish(choice=Choice("hybrid", schema=schema)))[0]
    assert bool(either.calls) != (either.text in ('{"name": "a"}', '{"name": "b"}'))
