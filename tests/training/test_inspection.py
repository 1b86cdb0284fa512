"""What the pre-flight says of each scenario, from the tokens that training would see."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tests.small_models import FAMILIES
from tests.small_workspace import TOOLSET, make_scenario
from workbench.dialects import get_dialect
from workbench.records import ExpectedCall, Outcome
from workbench.scenarios.messages import to_messages
from workbench.training.inspection import inspect_scenarios

DIALECTS = {"gemma": "functiongemma", "qwen": "qwen3", "llama": "llama3"}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Dialect and tokenizer."""
    folder: Path = FAMILIES[request.param](tmp_path_factory.mktemp(request.param))
    return get_dialect(DIALECTS[request.param]), AutoTokenizer.from_pretrained(folder)


def look(family, *scenarios, context=8192):
    return inspect_scenarios([(one, "train") for one in scenarios], TOOLSET, *family, context)


def ping(host, **changes):
    return make_scenario(0, outcome=Outcome((ExpectedCall("ping", {"host": host, **changes}),)))


def test_the_text_is_that_of_the_prompt_and_only_the_reply_is_trained(family) -> None:
    dialect, _ = family
    scenarios = [make_scenario(i) for i in range(6)]
    found = look(family, *scenarios)
    for scenario, sight in zip(scenarios, found.sights, strict=True):
        pieces = [*found.prefixes[sight.prefix], *sight.pieces]
        prompt = dialect.render_prompt(to_messages(scenario, TOOLSET), TOOLSET.tools)
        reply = dialect.render_reply([call.call for call in scenario.outcome.calls], "NO_TOOL")
        assert "".join(text for text, _, trained in pieces if not trained) == prompt
        assert "".join(text for text, _, trained in pieces if trained) == reply
        assert sight.reasons == () and 0 < sight.trained < sight.tokens
        assert any(special and text in dialect.stops for text, special, _ in pieces)
    assert len(found.prefixes) == 1 and len(found.prefixes[0]) > 3


def test_arguments_that_fail_their_schema_are_blocked(family) -> None:
    good, bad = look(family, ping("nas"), ping("nas", count=0)).sights
    assert good.reasons == ()
    assert any("count" in reason for reason in bad.reasons)


def test_what_the_model_cannot_read_or_write_whole_is_blocked(family) -> None:
    short, long = look(family, ping("nas"), ping(" ".join(map(str, range(150))))).sights
    assert short.reasons == () and any("cut at 128" in reason for reason in long.reasons)
    (sight,) = look(family, ping("nas"), context=40).sights
    assert any("more than the 40" in reason for reason in sight.reasons)


def test_a_call_that_does_not_read_back_is_blocked(family) -> None:
    """FunctionGemma has no escaping inside a string; JSON can write any text."""
    dialect, _ = family
    (sight,) = look(family, ping(f"a{dialect.stops[0]}b")).sights
    blocked = any("read back" in reason for reason in sight.reasons)
    assert blocked == (dialect.name == "functiongemma")


def test_a_scenario_without_trained_tokens_is_blocked_and_the_others_are_seen(family) -> None:
    _, tokenizer = family

    class Silent:
        """A dialect that writes nothing for one tool."""

        def __init__(self, inner) -> None:
            self.inner = inner

        def __getattr__(self, name: str):
            return getattr(self.inner, name)

        def render_reply(self, calls, text):
            return "" if calls and calls[0].name == "clock" else self.inner.render_reply(calls, text)

    found = inspect_scenarios(
        [(make_scenario(0), "train"), (make_scenario(1), "train")], TOOLSET, Silent(family[0]), tokenizer, 0
    )
    assert found.sights[0].reasons == () and found.sights[0].pieces
    (reason,) = found.sights[1].reasons
    assert "no token would be trained" in reason
