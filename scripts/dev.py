"""Set up, run, test and lint the workbench: the same commands as the Makefile's, for machines without make.

    python scripts/dev.py setup | run | test | lint | demo

Needs Python 3.11 or newer and nothing else: it builds ``.venv`` and installs the pinned requirements there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
REPORT = ROOT / ".pytest_cache" / "report.xml"


def call(*command: object, check: bool = True) -> int:
    code = subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode
    if check and code:
        sys.exit(code)
    return code


def setup(requirements: str = "requirements.txt") -> None:
    """Build ``.venv`` once, and install again only when the requirements changed."""
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    text = b"".join((ROOT / name).read_bytes() for name in {"requirements.txt", requirements})
    stamp = VENV / f".{requirements}.{hashlib.sha256(text).hexdigest()[:16]}"
    if stamp.exists() and PYTHON.exists():
        return
    if not PYTHON.exists():
        print("Creating .venv", flush=True)
        call(sys.executable, "-m", "venv", VENV)
    print(f"Installing {requirements} (some minutes the first time)", flush=True)
    call(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
    stamp.touch()


def find_chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    candidates = [os.environ.get("CHROMIUM", ""), *(shutil.which(name) or "" for name in names)]
    candidates.append("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    return next((path for path in candidates if path and Path(path).exists()), "")


def ensure_chromium() -> str:
    """Path of the browser for the tests: one that is here, else Debian's where that can be had, else Playwright's."""
    if not find_chromium() and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        call("apt-get", "update", "-qq", check=False)
        call("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", check=False)
    if found := find_chromium():
        return found
    call(PYTHON, "-m", "playwright", "install", "chromium")
    script = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    return subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def lint() -> None:
    setup("requirements-dev.txt")
    call(PYTHON, "-m", "ruff", "check", ".")
    call(PYTHON, "-m", "ruff", "format", "--check", ".")
    call(PYTHON, "-m", "mypy")


def test(*arguments: str) -> None:
    lint()
    os.environ["CHROMIUM"] = ensure_chromium()
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    call(PYTHON, "-m", "pytest", *in_processes(), f"--junitxml={REPORT}", *arguments)
    if not arguments:
        check_browser_tests()


def in_processes() -> list[str]:
    """Two processes, a file of tests in one of them; each computes on one core, so that they do not fight for both."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return ["--numprocesses=2", "--dist=loadfile"]


def check_browser_tests() -> None:
    """A test run in which the browser tests did not run is a failure."""
    cases = [case for case in ElementTree.parse(REPORT).iter("testcase") if "browser" in case.get("classname", "")]
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    if not cases or skipped:
        sys.exit(f"Browser tests did not run: {', '.join(map(str, skipped)) or 'none was collected'}.")


def run(*arguments: str) -> None:
    setup()
    call(PYTHON, "app.py", *arguments)


def demo(*arguments: str) -> None:
    setup()
    call(PYTHON, "-m", "workbench", "demo", *arguments)


def main() -> None:
    commands: dict[str, Callable[..., None]] = {"setup": setup, "run": run, "test": test, "lint": lint, "demo": demo}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
