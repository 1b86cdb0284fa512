"""How every page looks: Gradio's theme, one style sheet, one script. No font and no file comes from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import gradio as gr

from workbench.evaluation.report import FIGURES_SCRIPT, plotly_script

ASSETS = Path(__file__).parent / "assets"


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with system fonts; ``workbench.css`` does the rest."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        font=["ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    ).set(
        body_background_fill="#f7f6f3",
        body_background_fill_dark="#141412",
        body_text_color="#1c1b18",
        body_text_color_dark="#edece6",
    )


@cache
def css() -> str:
    return (ASSETS / "workbench.css").read_text("utf-8")


@cache
def head() -> str:
    """Scripts of every page, inline, so that nothing is fetched."""
    names = ("workbench.js", "curves.js", "review.js", "answers.js")
    files = [*(ASSETS / name for name in names), FIGURES_SCRIPT]
    scripts = "\n".join(file.read_text("utf-8") for file in files)
    return f'<meta name="color-scheme" content="light dark">\n<script>\n{scripts}\n</script>'


def plotly_address() -> str:
    """Where Gradio serves that script, once ``gr.set_static_paths`` has named it."""
    return f"/gradio_api/file={plotly_script()}"
