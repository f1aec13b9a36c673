"""Noticing that files change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grps.deploy.watching import FileWatcher
from tests.unit.deploy.archive.archives import write_tree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    server = "log: {log_dir: ./var/out}\n"
    return write_tree(tmp_path / "p", {"src/a.py": "1", "b.txt": "1", "conf/server.yml": server})


def test_changes(project: Path) -> None:
    watch = FileWatcher(project)
    assert watch.changes() == []
    os.utime(project / "src" / "a.py", (1, 1))
    (project / "b.txt").unlink()
    write_tree(project, {"src/new/c.py": ""})
    assert watch.changes() == ["b.txt", "src/a.py", "src/new/c.py"]
    assert watch.changes() == []


def test_what_others_write_is_no_change(project: Path) -> None:
    watch = FileWatcher(project)
    noise = ("logs/x", "run/x", "var/out/grps_server.log", "src/.a.py.swp", "src/a.py~",
             "src/__pycache__/a.pyc", "server.mar")  # fmt: skip
    write_tree(project, dict.fromkeys(noise, "x"))
    assert watch.changes() == []


def test_a_tree_that_can_not_be_walked_counts_as_before(project: Path) -> None:
    watch = FileWatcher(project)
    (project / "gone").symlink_to("nowhere")
    assert watch.changes() == []
    write_tree(project, {"nowhere": "x"})
    assert watch.changes() == ["gone", "nowhere"]


def test_links_are_followed(project: Path, tmp_path: Path) -> None:
    write_tree(tmp_path, {"model.bin": "1"})
    (project / "model.bin").symlink_to(tmp_path / "model.bin")
    watch = FileWatcher(project)
    write_tree(tmp_path, {"model.bin": "22"})
    assert watch.changes() == ["model.bin"]
