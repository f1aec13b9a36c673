"""What this machine can do at most."""

from __future__ import annotations

import subprocess

import pytest

from grps.profile import machine
from grps.profile.errors import ProfileError
from grps.profile.machine import Machine, Roof, measure_machine


def test_each_number_of_threads_is_measured() -> None:
    found = measure_machine([2, 1, 1])
    assert [roof.threads for roof in found.roofs] == [1, 2]
    # A processor of today multiplies by more than 0.1 GFLOP/s and copies more than 0.1 GB/s.
    assert all(roof.flops_per_s > 1e8 and roof.bytes_per_s > 1e8 for roof in found.roofs)
    assert found.processor
    assert found.library.startswith("numpy ")


def test_a_roof_is_that_of_the_next_smaller_number() -> None:
    roofs = (Roof(2, 1.0, 1.0), Roof(4, 2.0, 1.5), Roof(6, 3.0, 1.6))
    found = Machine("x", 6, "numpy", roofs)
    assert [found.roof(count).threads for count in (1, 2, 3, 4, 5, 6, 9)] == [2, 2, 2, 4, 4, 6, 6]


def test_a_failed_measurement_names_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CHILD", "raise MemoryError('no room')")
    with pytest.raises(ProfileError, match="can't be measured: MemoryError: no room"):
        measure_machine([1])

    def hangs(command: list[str], **options: float) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hangs)
    with pytest.raises(ProfileError, match="not measured within 300 s"):
        measure_machine([1])
