"""The generator is as broad as its card says."""

from benchmarks.starter_breadth import measure


def test_breadth() -> None:
    found = measure(300, seed=4)
    assert found["requests"] == 300 * 24
    assert found["frames"] >= 3_000 and found["sentences_written"] >= 3_000
    assert found["domains"] >= 60 and found["written_assistants"] >= 60
    assert found["written_requests"] >= 8_000
    assert set(found["tools_a_row"]) == set(range(1, 17))
    _, fifth, _, _, _, ninety_fifth, _ = found["declaration_tokens"]
    assert fifth <= 200 and ninety_fifth >= 1_300
    assert found["too_long"] < 0.03
    assert 0.1 < found["no_tool"] < 0.2 and 0.02 < found["several_calls"] < 0.1
    for kind in ("string", "array", "boolean", "enum, in other words", "enum, as it is", "integer, in other words"):
        assert found["arguments"][kind] >= 100, kind
    for kind in ("string", "array", "boolean", "enum", "integer", "number"):
        assert found["arguments"][f"{kind}, left out"] >= 50, kind
