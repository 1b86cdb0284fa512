"""The learning curve's subsets are nested and keep the tools' shares; the plot shows each point."""

from collections import Counter
from xml.etree import ElementTree

import pytest

from benchmarks.starter_bars import DATASETS
from benchmarks.starter_curve import as_svg, nested_order
from workbench.actions.content import shipped_scenarios

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", DATASETS)
def test_each_part_has_each_outcome_by_its_share(name: str) -> None:
    scenarios = shipped_scenarios(name)
    train = {scenario.id: scenario.outcome.label for scenario in scenarios if scenario.split == "train"}
    order = nested_order(scenarios, 0)
    assert Counter(order) == Counter(train.keys())
    assert order == nested_order(scenarios, 0) and order != nested_order(scenarios, 1)
    shares = Counter(train.values())
    for size in (25, 100, 200):
        part = Counter(train[id] for id in order[:size])
        for label, count in shares.items():
            assert abs(part[label] - size * count / len(train)) <= 1, (size, label)


def test_the_plot_has_a_line_a_rate_and_a_dot_a_seed() -> None:
    def row(tool: float, exact: float | None) -> dict[str, object]:
        return {"tool_accuracy": {"value": tool}, "exact_calls": {"value": exact}}

    points = [{"scenarios": 25, "rows": [row(0.2, None), row(0.4, 0.1)]}, {"scenarios": 848, "rows": [row(1.0, 0.5)]}]
    root = ElementTree.fromstring(as_svg(points, 'a "<title>" & more'))
    lines = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    assert len(lines) == 2 and all(len(line) == 2 for line in lines)
    assert len(list(root.iter(f"{SVG}circle"))) == 6
    heights = [float(line[-1].split(",")[1]) for line in lines]
    assert heights[0] < heights[1]
    assert {"25", "848", "right tool", "exact call"} <= {text.text for text in root.iter(f"{SVG}text")}
    one = ElementTree.fromstring(as_svg(points[1:], "one size"))
    assert len(list(one.iter(f"{SVG}circle"))) == 2
