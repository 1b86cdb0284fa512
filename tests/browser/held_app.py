"""The app with a model that begins each answer and holds it, see ``tests.held_model``. Takes the app's arguments."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import app  # noqa: E402
from workbench.serving import process  # noqa: E402

if __name__ == "__main__":
    process.COMMAND = (sys.executable, str(ROOT / "tests" / "held_model.py"))
    sys.exit(app.main())
