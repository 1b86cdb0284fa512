"""One HTML file with everything in it: opens without a network, in light and dark."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FIGURES_SCRIPT = FOLDER / "figures.js"


def write_report(**parts: Any) -> Iterator[str]:
    """The pieces of the file. ``parts``: what ``report.html`` names; all text is escaped there."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [plotly_script().read_text("utf-8"), FIGURES_SCRIPT.read_text("utf-8")]
    return environment.get_template("report.html").generate(**parts, scripts=scripts)


def plotly_script() -> Path:
    """The Plotly library for browsers that the Python package of that name carries.

    Raises:
        FileNotFoundError: the package ``plotly`` is not installed.
    """
    spec = importlib.util.find_spec("plotly")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path
    raise FileNotFoundError("plotly.min.js; install the package 'plotly'")
