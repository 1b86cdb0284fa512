"""Records as rows, figures and HTML, a module a page. Imports no gradio and knows no store.

Everything that leaves this package went through ``templates/`` with autoescape on: text from outside stays text.
"""

from workbench.ui.views.answers import ANSWERS, compare_answers
from workbench.ui.views.artefacts import artefacts, export_form
from workbench.ui.views.base import PRODUCT, header, not_saved, title, toast, working
from workbench.ui.views.compare import compare_board, compare_form, compare_result
from workbench.ui.views.coverage import coverage, gates
from workbench.ui.views.duplicates import CLUSTERS, MEMBERS, duplicates, similar
from workbench.ui.views.editor import editor
from workbench.ui.views.generate import generate_form, generate_head, generate_now, generate_preview
from workbench.ui.views.history import PAST_ROWS, past_changes, past_scenario, past_snapshots
from workbench.ui.views.home import home
from workbench.ui.views.inbox import inbox_item, inbox_page, inbox_setup
from workbench.ui.views.loop import loop
from workbench.ui.views.playground import (
    place,
    playground_empty,
    playground_form,
    playground_growing,
    playground_served,
    playground_tools,
    talk,
)
from workbench.ui.views.preflight import preflight
from workbench.ui.views.review import review_item, review_page, review_setup, saved
from workbench.ui.views.scenarios import (
    ROWS,
    bulk_done,
    import_panel,
    imported,
    redone,
    scenarios_filters,
    scenarios_head,
    scenarios_list,
    undone,
)
from workbench.ui.views.tools import (
    Stand,
    profile_editor,
    saved_text,
    tool_editor,
    tools_broken,
    tools_head,
    tools_list,
    tools_preview,
    tools_server,
    tools_versions,
)
from workbench.ui.views.train import curve, train_form, train_head, train_now, train_plot
from workbench.ui.views.train_runs import run_differences, train_queue, train_runs

__all__ = [
    "ANSWERS",
    "CLUSTERS",
    "MEMBERS",
    "PAST_ROWS",
    "PRODUCT",
    "ROWS",
    "Stand",
    "artefacts",
    "bulk_done",
    "compare_answers",
    "compare_board",
    "compare_form",
    "compare_result",
    "coverage",
    "curve",
    "duplicates",
    "editor",
    "export_form",
    "gates",
    "generate_form",
    "generate_head",
    "generate_now",
    "generate_preview",
    "header",
    "home",
    "import_panel",
    "imported",
    "inbox_item",
    "inbox_page",
    "inbox_setup",
    "loop",
    "not_saved",
    "past_changes",
    "past_scenario",
    "past_snapshots",
    "place",
    "playground_empty",
    "playground_form",
    "playground_growing",
    "playground_served",
    "playground_tools",
    "preflight",
    "profile_editor",
    "redone",
    "review_item",
    "review_page",
    "review_setup",
    "run_differences",
    "saved",
    "saved_text",
    "scenarios_filters",
    "scenarios_head",
    "scenarios_list",
    "similar",
    "talk",
    "title",
    "toast",
    "tool_editor",
    "tools_broken",
    "tools_head",
    "tools_list",
    "tools_preview",
    "tools_server",
    "tools_versions",
    "train_form",
    "train_head",
    "train_now",
    "train_plot",
    "train_queue",
    "train_runs",
    "undone",
    "working",
]
