"""How CPU threads wait for each other while a model trains, and how many there are.

A step is thousands of short operations, and after each one threads wait for each other. Asleep, they come back late: on
a virtual machine with two cores the second one then brought a tenth; awake, they took two thirds of the time of one
thread. But when another program holds a core, a thread that waits awake holds up the very thread it waits for, and
steps took ten times as long. So threads wait awake, and one of them goes on alone while that happens. Knows no model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping

_SPINS = "100000"
"""Looks at a sibling's flag before a thread goes to sleep; fewer were slower, a million brought nothing more."""
TOO_SLOW = 1.5
"""Times as long as one thread took, from which a step of all threads tells of another program."""
SHORTEST_PAUSE, LONGEST_PAUSE = 8, 256
"""Steps of one thread before all are tried again."""


def wait_awake(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let waiting threads of this process look rather than sleep. Works only before torch is imported.

    The variable is that of GNU's OpenMP, which torch has on Linux; others wait awake for a while by themselves.
    """
    environment.pop("OMP_WAIT_POLICY", None)
    environment["GOMP_SPINCOUNT"] = _SPINS


class Pace:
    """Chooses the number of threads of the next step from what the steps so far took.

    The first step is slow for other reasons (kernels are made), the second one is done by one thread, for comparison.
    """

    def __init__(self, threads: int, set_threads: Callable[[int], None]) -> None:
        """
        Args:
            threads: at most so many; with 1 there is nothing to choose.
            set_threads: says how many compute from now on.
        """
        self._all, self._set = threads, set_threads
        self._steps = self._pause = 0
        self._alone = 0.0
        self._next_pause = SHORTEST_PAUSE

    def note(self, seconds: float) -> None:
        """Call after each step, with what it took."""
        if self._all == 1:
            return
        self._steps += 1
        if self._steps == 1:
            self._set(1)
        elif self._steps == 2:
            self._alone = seconds
            self._set(self._all)
        elif self._pause:
            self._pause -= 1
            if not self._pause:
                self._set(self._all)
        elif seconds > TOO_SLOW * self._alone:
            self._pause = self._next_pause
            self._next_pause = min(2 * self._next_pause, LONGEST_PAUSE)
            self._set(1)
        else:
            self._next_pause = SHORTEST_PAUSE
