"""How many threads the next step gets."""

from hypothesis import given
from hypothesis import strategies as st

from workbench.training.pace import LONGEST_PAUSE, SHORTEST_PAUSE, TOO_SLOW, Pace, wait_awake

ALONE, TOGETHER, HELD_UP = 1.0, 0.6, 10.0


class Machine:
    """Counts threads and makes steps take what they would take."""

    def __init__(self, threads: int = 2) -> None:
        self.threads = threads
        self.busy = False
        self.pace = Pace(threads, self.set_threads)

    def set_threads(self, threads: int) -> None:
        self.threads = threads

    def steps(self, count: int) -> list[int]:
        """The threads of so many steps."""
        return [self.step() for _ in range(count)]

    def step(self) -> int:
        threads = self.threads
        self.pace.note(ALONE if threads == 1 else HELD_UP if self.busy else TOGETHER)
        return threads


def test_all_threads_compute_once_one_was_measured():
    assert Machine().steps(6) == [2, 1, 2, 2, 2, 2]


def test_one_thread_goes_on_while_another_program_holds_a_core():
    machine = Machine(4)
    machine.steps(10)
    machine.busy = True
    assert machine.steps(1 + SHORTEST_PAUSE + 1) == [4, *[1] * SHORTEST_PAUSE, 4]
    assert machine.steps(2 * SHORTEST_PAUSE + 1) == [*[1] * 2 * SHORTEST_PAUSE, 4]
    machine.busy = False
    assert machine.steps(4 * SHORTEST_PAUSE) == [1] * 4 * SHORTEST_PAUSE
    assert machine.steps(5) == [4] * 5
    machine.busy = True
    assert machine.steps(SHORTEST_PAUSE + 2) == [4, *[1] * SHORTEST_PAUSE, 4], "the pause is short again"


def test_a_machine_that_is_busy_from_the_start_is_tried_ever_more_rarely():
    machine = Machine()
    machine.busy = True
    tries = [at for at, threads in enumerate(machine.steps(4 * LONGEST_PAUSE)) if threads == 2]
    pauses = [after - before - 1 for before, after in zip(tries[1:], tries[2:], strict=False)]
    assert pauses[:3] == [SHORTEST_PAUSE, 2 * SHORTEST_PAUSE, 4 * SHORTEST_PAUSE] and max(pauses) == LONGEST_PAUSE


@given(st.lists(st.floats(0.01, 100), max_size=200))
def test_one_thread_stays_one(seconds):
    def refuse(threads: int) -> None:
        raise AssertionError

    pace = Pace(1, refuse)
    for one in seconds:
        pace.note(one)


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=200))
def test_a_slow_step_of_all_threads_is_followed_by_one_thread(seconds):
    machine = Machine()
    alone = seconds[1]
    for at, took in enumerate(seconds):
        threads = machine.threads
        machine.pace.note(took)
        assert machine.threads in (1, 2)
        if at > 1 and threads == 2:
            assert machine.threads == (1 if took > TOO_SLOW * alone else 2)


def test_waiting_awake_replaces_the_wish_to_sleep():
    environment = {"OMP_WAIT_POLICY": "passive", "PATH": "/bin"}
    wait_awake(environment)
    assert environment.pop("GOMP_SPINCOUNT").isdigit() and environment == {"PATH": "/bin"}
