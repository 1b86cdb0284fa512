"""Records as rows, figures and HTML, a module a page. Imports no gradio and knows no store.

Everything that leaves this package went through ``templates/`` with autoescape on: text from outside stays text.
"""

from workbench.ui.views.base import PRODUCT, header, not_saved, title, toast
from workbench.ui.views.compare import compare_form, compare_result
from workbench.ui.views.coverage import coverage
from workbench.ui.views.editor import editor
from workbench.ui.views.home import home
from workbench.ui.views.scenarios import (
    ROWS,
    import_panel,
    imported,
    scenarios_filters,
    scenarios_head,
    scenarios_list,
    undone,
)
from workbench.ui.views.train import curve, train_form, train_head, train_now, train_plot, train_runs

__all__ = [
    "PRODUCT",
    "ROWS",
    "compare_form",
    "compare_result",
    "coverage",
    "curve",
    "editor",
    "header",
    "home",
    "import_panel",
    "imported",
    "not_saved",
    "scenarios_filters",
    "scenarios_head",
    "scenarios_list",
    "title",
    "toast",
    "train_form",
    "train_head",
    "train_now",
    "train_plot",
    "train_runs",
    "undone",
]
