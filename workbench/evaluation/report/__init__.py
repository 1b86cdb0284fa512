"""Figures of a comparison as tables, plots and one file that opens anywhere.

Knows no store and no page: it gets records and gives plain values and HTML. ``figures.js`` draws the plots, here and in
the browser workbench.
"""

from workbench.evaluation.report.page import FIGURES_SCRIPT, plotly_script, write_report
from workbench.evaluation.report.plots import COLORS, curve_plot, history_plot, latency_plot, slices_plot
from workbench.evaluation.report.tables import interval_text, metric_table, percent

__all__ = [
    "COLORS",
    "FIGURES_SCRIPT",
    "curve_plot",
    "history_plot",
    "interval_text",
    "latency_plot",
    "metric_table",
    "percent",
    "plotly_script",
    "slices_plot",
    "write_report",
]
