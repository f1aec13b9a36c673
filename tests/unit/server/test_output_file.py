"""The file of standard streams stays small, and loses only what is old."""

from __future__ import annotations

import os
from pathlib import Path

from grps.server.output_file import bound_output, cut, former


def test_a_long_output_begins_anew_and_its_end_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "stderr.log"
    with output.open("ab", buffering=0) as ours, output.open("ab", buffering=0) as of_worker:
        ours.write(b"old" + b"x" * 100)
        cut(ours.fileno(), former(output), 103)
        assert not former(output).exists()
        of_worker.write(b"new")
        cut(ours.fileno(), former(output), 100)
        assert former(output).read_bytes() == b"x" * 97 + b"new"
        ours.write(b"a")
        of_worker.write(b"b")
        assert output.read_bytes() == b"ab"
        of_worker.write(b"c" * 150)
        cut(ours.fileno(), former(output), 100)
        assert former(output).read_bytes() == b"c" * 100
        assert output.read_bytes() == b""


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "stderr.log").touch()
    asked: list[float] = []

    def wait(seconds: float) -> bool:
        asked.append(seconds)
        return True

    bound_output(tmp_path / "stderr.log", wait)
    saved = os.dup(2)
    try:
        with (tmp_path / "stderr.log").open("wb") as not_appending:
            os.dup2(not_appending.fileno(), 2)
            bound_output(tmp_path / "stderr.log", wait)
        assert asked == []
        with (tmp_path / "stderr.log").open("ab") as appending:
            os.dup2(appending.fileno(), 2)
            bound_output(tmp_path / "stderr.log", wait)
        assert len(asked) == 1
    finally:
        os.dup2(saved, 2)
        os.close(saved)
