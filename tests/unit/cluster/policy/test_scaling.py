"""How many replicas a load needs, on a clock of the test's own."""

from __future__ import annotations

from grps.cluster.description import Bounds
from grps.cluster.policy.scaling import UP_DELAY_S, Scaling

BOUNDS = Bounds(minimum=1, maximum=4, target_load=10.0, down_delay_s=30.0)


def follow(scaling: Scaling, loads: list[int], current: int, first: float = 0.0) -> list[int]:
    """Give a load each second; return how many replicas are wanted after each."""
    wanted = []
    for second, load in enumerate(loads):
        current = scaling.wanted(first + second, load, current, BOUNDS)
        wanted.append(current)
    return wanted


def test_a_lasting_load_starts_as_many_replicas_as_it_needs() -> None:
    seconds = int(UP_DELAY_S)
    assert follow(Scaling(), [25] * (seconds + 1), 1) == [*[1] * seconds, 3]


def test_a_short_peak_starts_none() -> None:
    assert follow(Scaling(), [10, 40, 10, 10, 40, 10, 10], 1) == [1] * 7


def test_the_most_is_not_exceeded_and_the_fewest_are_kept() -> None:
    assert follow(Scaling(), [1000] * 5, 1)[-1] == 4
    assert follow(Scaling(), [0] * 40, 1)[-1] == 1


def test_replicas_are_taken_away_when_no_load_of_a_longer_time_needed_them() -> None:
    scaling = Scaling()
    assert follow(scaling, [35] * 5, 4)[-1] == 4
    calm = follow(scaling, [5] * 29, 4, first=5.0)
    assert calm == [4] * 29
    assert follow(scaling, [5] * 10, 4, first=34.0)[-1] == 1


def test_the_load_at_which_another_replica_is_needed() -> None:
    assert follow(Scaling(), [10] * 5, 1)[-1] == 1
    assert follow(Scaling(), [11] * 5, 1)[-1] == 2
