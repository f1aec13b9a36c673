"""Runs the blocks of one side as a reader would type them, and asks what the page asks."""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tools.migration.pages import Block

START_S = 1800.0
"""Until a server must have answered its first request."""
BLOCK_S = 300.0
END_S = 30.0
TOLERANCE = 1e-5


@dataclass(slots=True)
class Side:
    """One side of a page.

    Attributes:
        folder: Where its blocks run.
        variables: Environment of its blocks, whole.
        python: The program that runs blocks in Python.
        replaced: Texts of the page that are other ones here, such as ports.
    """

    folder: Path
    variables: Mapping[str, str]
    python: Path
    replaced: Mapping[str, str] = field(default_factory=dict)
    _groups: list[int] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What the blocks print that are no requests."""
        return self.folder / "output.log"

    def run(self, blocks: Iterable[Block]) -> list[Any]:
        """Run blocks in order; return what the requests among them printed.

        Raises:
            RuntimeError: A block failed, or a request was not answered in time.
        """
        answers = []
        for block in blocks:
            text = self._text(block)
            if block.path:
                file = self.folder / block.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            elif block.answer is not None:
                answers.append(self._ask(text, block))
            elif block.language in ("bash", "python"):
                self._run(text, block)
        return answers

    def end(self) -> None:
        """End all processes that the blocks have left, servers among them."""
        running = self._running()
        running += [child for one in running for child in _children(one)]
        for process in running:
            _signal(process, "terminate")
        _, left = psutil.wait_procs(running, timeout=END_S)
        for process in left:
            _signal(process, "kill")
        self._groups.clear()

    def _running(self) -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if _group(one.pid) in self._groups]

    def _text(self, block: Block) -> str:
        text = block.text
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return text

    def _command(self, block: Block) -> list[str]:
        return (
            [str(self.python), "-"] if block.language == "python" else ["bash", "-euo", "pipefail"]
        )

    def _run(self, text: str, block: Block) -> None:
        # A server in the background goes on in the group of the shell that has started it.
        with self.log.open("ab") as log:
            shell = subprocess.Popen(
                self._command(block),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=dict(self.variables),
                start_new_session=True,
            )
            self._groups.append(shell.pid)
            try:
                shell.communicate(text.encode(), timeout=BLOCK_S)
            except subprocess.TimeoutExpired as error:
                raise RuntimeError(f"line {block.line}: {error}\n{self._last_lines()}") from error
        if shell.returncode != 0:
            raise RuntimeError(f"line {block.line} failed:\n{self._last_lines()}")

    def _ask(self, text: str, block: Block) -> Any:
        """Send a request until it is answered as the page says, for as long as servers start."""
        deadline = time.monotonic() + START_S
        while True:
            ran = subprocess.run(
                # A request that a server takes and never answers is sent again.
                ["timeout", str(BLOCK_S), *self._command(block)],
                check=False,
                input=text,
                cwd=self.folder,
                env=dict(self.variables),
                capture_output=True,
                text=True,
            )
            answer = _parsed(ran.stdout)
            if same(answer, block.answer):
                return answer
            # Services of GRPS are in sessions of their own, but they answer when they have started.
            if time.monotonic() > deadline or not self._running():
                said = f"{ran.stdout}{ran.stderr}\n{self._last_lines()}"
                raise RuntimeError(f"line {block.line} is not answered as the page says:\n{said}")
            time.sleep(1)

    def _last_lines(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-40:])


def same(one: Any, other: Any) -> bool:
    """Tell whether two answers are equal up to the rounding of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(one) is type(other) and bool(one == other)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return
