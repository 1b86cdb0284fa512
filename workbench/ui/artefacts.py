"""The export panel of the Train page: start exports of the run that is watched, follow them, hand out their files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.actions import exports, models, run_progress, runs
from workbench.actions.curate import ProblemsError
from workbench.errors import Problem, WorkbenchError
from workbench.store.database import Store
from workbench.training.artefacts.settings import ExportSettings
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import Fields, one


class Exports:
    """The panel of one page; its parts are ``export`` (the form) and ``artefacts`` (the list)."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def build(self) -> list[gr.HTML]:
        """The two parts, in the place where this is called."""
        self.form = ui.live("export", events=("export",))
        self.table = ui.live("artefacts", events=("stop", "download"))
        return [self.form, self.table]

    def listen(self, message: gr.HTML, download: gr.DownloadButton) -> None:
        """Answer the events of both parts; files go out through the page's one ``download``."""
        self.form.export(self.start, None, [self.form, self.table, message], **ui.QUIET)
        self.table.stop(self.stop, None, [self.table, message], **ui.QUIET)
        self.table.download(self.download, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)

    def parts(self, run_id: str) -> tuple[str, str]:
        """Form and list for a training run; empty ones where there is nothing to export."""
        return views.export_form(run_id if self.can_export(run_id) else ""), self.listed(run_id)

    def can_export(self, run_id: str) -> bool:
        return any(model.id == f"{models.RUN_PREFIX}{run_id}" for model in models.list_models(self.store))

    def listed(self, run_id: str) -> str:
        found = [exports.artefact(self.store, one.run.id) for one in exports.artefacts(self.store, run_id or "-")]
        return views.artefacts([(one, run_progress.progress(self.store, one.run.id)) for one in found])

    def start(self, event: gr.EventData) -> tuple[Any, ...]:
        run_id = str(ui.payload(event)["run"])
        settings, typed, problems = read_settings(ui.form(event))
        try:
            if problems:
                raise ProblemsError("The limit is no number.", problems)
            run = exports.start(self.store, run_id, settings)
        except ProblemsError as error:
            form = views.export_form(run_id, settings, typed, error.problems)
            return form, gr.skip(), views.toast("Some settings need mending.", bad=True)
        except WorkbenchError as error:
            return gr.skip(), gr.skip(), ui.failed(error)
        said = "The export has begun." if run.state == "running" else "The export waits for the run before it."
        return gr.skip(), self.listed(run_id), views.toast(said, "You may close this page; it goes on.")

    @ui.answering(1)
    def stop(self, event: gr.EventData) -> tuple[Any, ...]:
        run = runs.cancel(self.store, str(ui.payload(event)["id"]))
        return self.listed(run.model), views.toast("Stopping.")

    @ui.handing_out
    def download(self, event: gr.EventData) -> tuple[Path, str]:
        return exports.pack(self.store, str(ui.payload(event)["id"]), ui.parcel("artefact").parent), ""


def read_settings(fields: Fields) -> tuple[ExportSettings, str, list[Problem]]:
    """What the form asks for, the limit as it was typed (in percent), and what is wrong with it."""
    settings, typed = ExportSettings(one(fields, "format"), one(fields, "split")), one(fields, "limit").strip()
    try:
        return replace(settings, limit=float(typed.replace(",", ".")) / 100), typed, []
    except ValueError:
        return settings, typed, [Problem("must be a number of percent", "limit", hint="1 is usual.")]
