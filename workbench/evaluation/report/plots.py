"""Figures as Plotly's plain data. Colours are names such as ``@c1``: ``figures.js`` looks them up, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.evaluation.statistics import Headline, Rate

COLORS = ("c1", "c2", "c3", "c4", "c5", "c6")
"""Colours of models, in the order in which they are given out."""
MOST_KEYS = 40
Plot = dict[str, Any]


def slices_plot(
    labels: Sequence[str], groups: Mapping[str, Sequence[Headline | None]], figure: str = "exact_calls"
) -> Plot:
    """A dot a model and key with its 95% interval; at most 40 keys, those with the most scenarios.

    ``groups``: for each key a headline a model, None where it has no scenario.
    """
    sizes = {key: max((head.n for head in heads if head), default=0) for key, heads in groups.items()}
    kept = set(sorted(groups, key=lambda key: (-sizes[key], key))[:MOST_KEYS])
    keys = [key for key in groups if key in kept]
    names = [f"{key or 'any'} ({sizes[key]:,})" for key in keys]
    traces = []
    for i, label in enumerate(labels):
        rates: list[Rate | None] = [getattr(head, figure) if (head := groups[key][i]) else None for key in keys]
        x = [100 * rate.value if rate and rate.value is not None else None for rate in rates]
        above = [
            100 * rate.interval.high - at if rate and at is not None else 0 for rate, at in zip(rates, x, strict=True)
        ]
        below = [
            at - 100 * rate.interval.low if rate and at is not None else 0 for rate, at in zip(rates, x, strict=True)
        ]
        bars = _bars(above, below, i)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label,
                "x": x,
                # Models stand one below the other: at the same height their intervals would hide each other.
                "y": [row + (i - (len(labels) - 1) / 2) * 0.7 / max(1, len(labels)) for row in range(len(keys))],
                "text": names,
                "error_x": bars,
                "marker": {"color": color(i), "size": 8},
                "hovertemplate": "%{text}: %{x:.1f} %<extra>%{fullData.name}</extra>",
            }
        )
    ticks = {"tickmode": "array", "tickvals": list(range(len(keys))), "ticktext": names, "automargin": True}
    layout = {
        "xaxis": {"range": [-2, 102], "ticksuffix": " %"},
        "yaxis": {**ticks, "range": [len(keys) - 0.5, -0.5], "showgrid": False},
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout, "height": 90 + len(keys) * max(26, 12 * len(labels) + 8)}


def curve_plot(labels: Sequence[str], curves: Sequence[Sequence[Any]], threshold: int = 0) -> Plot:
    """Exact calls and the share of replies that still call, by confidence threshold.

    ``curves``: for each model its points (``percent`` and the rates ``exact`` and ``called``); empty without any.
    """
    traces: list[dict[str, Any]] = []
    for i, (label, points) in enumerate(zip(labels, curves, strict=True)):
        x = [point.percent for point in points]
        shared = {"type": "scatter", "mode": "lines", "x": x, "legendgroup": str(i)}
        exact = [100 * (point.exact.value or 0) for point in points]
        called = [100 * (point.called.value or 0) for point in points]
        traces.append({**shared, "name": label, "y": exact, "line": {"color": color(i), "width": 2.2}})
        dotted = {"color": color(i), "width": 1.4, "dash": "dot"}
        traces.append({**shared, "name": f"{label}, still calls", "y": called, "line": dotted, "showlegend": False})
    mark = {"type": "line", "x0": threshold, "x1": threshold, "y0": 0, "y1": 1, "yref": "paper"}
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "confidence threshold, %"}, "range": [0, 100]},
        "yaxis": {"title": {"text": "of all scenarios, %"}, "range": [0, 102]},
        "hovermode": "x unified",
        "shapes": [{**mark, "line": {"color": "@ink", "width": 1, "dash": "dash"}}] if threshold else [],
    }
    return {"data": traces, "layout": layout, "height": 340}


def latency_plot(labels: Sequence[str], quantiles: Sequence[Sequence[float]]) -> Plot:
    """Share of replies within so many milliseconds; ``quantiles``: 0, 1, … 100% of each model."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": label,
            "x": list(values),
            "y": list(range(len(values))),
            "line": {"color": color(i), "width": 2},
            "hovertemplate": "%{y} % within %{x:.0f} ms<extra>%{fullData.name}</extra>",
        }
        for i, (label, values) in enumerate(zip(labels, quantiles, strict=True))
    ]
    positive = [value for values in quantiles for value in values if value > 0]
    kind = "log" if positive and max(positive) > 20 * min(positive) else "linear"
    ticks = [digit * 10**power for power in range(-1, 7) for digit in (1, 2, 5)]
    layout = {
        "xaxis": {
            "title": {"text": "milliseconds a reply"},
            "type": kind,
            "tickvals": ticks if kind == "log" else None,
        },
        "yaxis": {"title": {"text": "replies within, %"}, "range": [0, 102]},
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout, "height": 340}


def history_plot(entries: Mapping[str, Sequence[tuple[str, Rate]]]) -> Plot:
    """Exact calls over time, a line a model: ISO times with rates, the oldest first."""
    traces = []
    for i, (label, points) in enumerate(entries.items()):
        y = [100 * (rate.value or 0) for _, rate in points]
        above = [100 * rate.interval.high - at for (_, rate), at in zip(points, y, strict=True)]
        below = [at - 100 * rate.interval.low for (_, rate), at in zip(points, y, strict=True)]
        bars = _bars(above, below, i)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                "x": [at for at, _ in points],
                "y": y,
                "error_y": bars,
                "line": {"color": color(i), "width": 1.6},
            }
        )
    layout = {"yaxis": {"title": {"text": "exact calls, %"}, "range": [0, 102]}, "hovermode": "closest"}
    return {"data": traces, "layout": layout, "height": 280}


def color(i: int) -> str:
    """The name of the colour of the i-th model."""
    return f"@{COLORS[i % len(COLORS)]}"


def _bars(above: Sequence[float], below: Sequence[float], i: int) -> Plot:
    """Whiskers of the i-th model: how far its intervals reach."""
    shape = {"symmetric": False, "thickness": 1.2, "width": 3, "color": color(i)}
    return {"type": "data", "array": list(above), "arrayminus": list(below), **shape}
