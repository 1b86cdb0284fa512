"""Memory of a worker's process: how much it has held, and giving back what it no longer needs."""

from __future__ import annotations

import contextlib
import ctypes
import sys

import psutil
import torch


def return_memory() -> None:
    """Give freed memory back to the system: batches differ in size, and their buffers leave holes that add up."""
    # Only glibc needs this, and only glibc has it.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_memory_mb() -> int:
    """The most memory that this process has held: of the GPU where there is one, else of the computer."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20)
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):  # Windows
        return round(info.peak_wset / 2**20)
    import resource

    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)
