"""What of the machine this process may use."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from grps.machine import memory_limit, usable_cpus

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["max\n", "", "nonsense"])
def test_without_a_containers_limit_memory_is_the_machines(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.max").write_text(text)
    assert memory_limit(tmp_path) == psutil.virtual_memory().total


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_containers_limit_of_memory_counts(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("1048576\n")
    assert memory_limit(tmp_path) == 1048576


@pytest.mark.parametrize("text", ["max 100000\n", "", "nonsense", "100000 0", "-1 100000"])
def test_without_a_containers_limit_processors_are_those_of_the_process(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cpus(tmp_path) == ALLOWED


def test_processors_are_counted_by_what_the_process_may_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5, 7})
    assert usable_cpus(tmp_path) == 4


@pytest.mark.parametrize(("quota", "cpus"), [(50_000, 1), (100_000, 1), (100_001, 2), (250_000, 3)])
def test_the_containers_limit_of_processors_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: int, cpus: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    assert usable_cpus(tmp_path) == cpus
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == cpus


@pytest.mark.parametrize("group", ["a.slice", "a.slice/b.service", "a.slice/b.service/c"])
def test_the_limits_of_all_groups_around_the_process_count(tmp_path: Path, group: str) -> None:
    own = tmp_path / "own"
    own.write_text("0::/a.slice/b.service/c\n")
    (tmp_path / "a.slice/b.service/c").mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "a.slice/memory.max").write_text("9999999\n")
    (tmp_path / group / "memory.max").write_text("1048576\n")
    (tmp_path / group / "cpu.max").write_text("100000 100000\n")
    assert memory_limit(tmp_path, own) == 1048576
    assert usable_cpus(tmp_path, own) == 1


def test_the_old_limits_of_all_groups_around_the_process_count(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("11:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n1:name=systemd:/y\n0::/\n")
    for controller in ("memory", "cpu"):
        (tmp_path / controller / "docker/x").mkdir(parents=True)
    (tmp_path / "memory/docker/memory.limit_in_bytes").write_text("2097152\n")
    (tmp_path / "memory/docker/x/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "cpu/docker/x/cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu/docker/x/cpu.cfs_period_us").write_text("100000\n")
    assert memory_limit(tmp_path, own) == 2097152
    assert usable_cpus(tmp_path, own) == 1


@pytest.mark.parametrize("text", ["", "0::/../../other\n", "0::/not/here\n", "nonsense\n"])
def test_groups_outside_of_the_container_are_left_out(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own"
    own.write_text(text)
    (tmp_path / "memory.max").write_text("1048576\n")
    assert memory_limit(tmp_path, own) == 1048576


def test_a_limit_beyond_the_machine_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("900000000 100000\n")
    assert usable_cpus(tmp_path) == ALLOWED
