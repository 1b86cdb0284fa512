"""An encoder finds scenarios of equal meaning: a small BERT in a process of its own, its pairs in the clusters."""

import pytest

from tests.small_models import make_bert
from tests.small_workspace import make_scenario
from workbench.actions import duplicates
from workbench.actions.meaning import compare_meaning
from workbench.actions.verbs import Verbs
from workbench.errors import WorkbenchError
from workbench.store import scenarios


@pytest.fixture
def alike(store):
    """Two that say the same in other words, and one that says it, too, but expects something else."""
    rows = [
        make_scenario(30, id="a", request="Kannst du Ostsee erreichen"),
        make_scenario(30, id="b", request="quanta nubila video hodie"),
        make_scenario(31, id="c", request="wieviel Uhr schlaegt es"),
    ]
    scenarios.save(store, rows, "import", "test")
    return store


def of_kind(store, kind: str) -> list[tuple[str, ...]]:
    return [cluster.ids for cluster in duplicates.check(store, "small", again=True).of_kind(kind)]


def test_pairs_of_equal_meaning_become_clusters_and_the_index_is_kept(alike, tmp_path):
    assert of_kind(alike, "meaning") == []
    assert duplicates.last_findings(alike, "small").to_dict()["compared"] == "words"
    # The words of these three are unknown to it, hence the same; of "please ping host…" it knows two.
    encoder = str(make_bert(tmp_path / "bert", ["please", "ping"]))
    found = Verbs(alike).compare_meaning(encoder, "small")
    assert found["pairs"] >= 1 and ("a", "b") in of_kind(alike, "meaning")
    assert not any("c" in ids and {"a", "b"} & {*ids} for ids in of_kind(alike, "meaning"))
    told = duplicates.last_findings(alike, "small").to_dict()
    assert told["compared"] == f"words and meaning ({encoder})" and told["counts"]["meaning"] >= 1
    assert list(alike.workspace.embeddings.rglob("*.usearch"))


@pytest.mark.parametrize(("encoder", "said"), [("", "No encoder is named"), ("/nowhere/at/all", "/nowhere/at/all")])
def test_an_encoder_that_is_not_there_is_told_and_words_are_compared_all_the_same(store, encoder, said):
    with pytest.raises(WorkbenchError, match=said) as caught:
        compare_meaning(store, "small", encoder)
    assert caught.value.hint
    assert duplicates.check(store, "small").encoder == ""
