"""Every code block of the documentation runs, page by page, as a reader would run it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import yaml

from grps.server.configuration import parse_inference, parse_server
from tests.docs.pages import EXAMPLES, LANGUAGES, Block, blocks, name_of, pages
from tests.support import REPOSITORY

LOCK = Path(tempfile.gettempdir()) / f"grps-docs-ports-{os.getuid()}.lock"
PORTS = ("7080", "7081", "7090", "7091")
PORT = re.compile(rf"\b(?:{'|'.join(PORTS)})\b")
SERVE = re.compile(r"(grpst \w*serve \S+)(?!.*--port)")
MOST_SKIPPED = 8
BLOCK_TIMEOUT_S = 90


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


@contextmanager
def chosen_ports() -> Iterator[dict[str, str]]:
    """The ports of the docs as they are when all are free, else others for all of them.

    One run of these tests at a time has the ports of the docs, whatever else the machine tests.
    """
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _other_ports()
            return
        free = all(_is_free(int(port)) for port in PORTS)
        yield {port: port for port in PORTS} if free else _other_ports()


def _other_ports() -> dict[str, str]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in PORTS]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {port: str(p.getsockname()[1]) for port, p in zip(PORTS, probes, strict=True)}


class Reader:
    """Somebody who types a page's blocks into a shell, one after the other."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self._folder = folder
        self._ports = ports
        shutil.copytree(EXAMPLES, folder / "examples")
        shutil.copytree(REPOSITORY / "sdk", folder / "sdk")
        self._move_projects()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {
            **os.environ,
            "GRPS_HOME": str(folder / "home"),
            "PATH": path,
            "PYTHONPATH": str(REPOSITORY),
        }

    def run(self, block: Block) -> str:
        """Run a block and return what it printed on standard output."""
        commands = {"bash": ["bash", "-euo", "pipefail", "-s"], "python": [sys.executable, "-"]}
        text = self._with_ports(block.text)
        if block.language == "bash":
            # What a block exports, the next one has: for the reader it is one shell.
            text = f"[ ! -f .exports ] || source .exports\n{text}\nexport -p > .exports\n"
        ran = subprocess.run(
            commands[block.language],
            check=False,
            input=text,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=BLOCK_TIMEOUT_S,
        )
        self._move_projects()
        assert ran.returncode == 0, f"line {block.line}:\n{text}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def _move_projects(self) -> None:
        """Let the examples, and projects that a block has made, listen on the chosen ports."""
        for file in self._folder.glob("**/conf/server.yml"):
            if (self._folder / "home") in file.parents:
                continue
            text = file.read_text(encoding="utf-8")
            file.write_text(self._with_ports(text), encoding="utf-8")

    def _with_ports(self, text: str) -> str:
        """Put the chosen ports into a block, also where it relies on the default ones."""
        if self._ports[PORTS[0]] != PORTS[0]:
            text = SERVE.sub(rf"\1 --port {PORTS[0]},{PORTS[1]}", text)
        return PORT.sub(lambda found: self._ports[found[0]], text)

    def stop_all(self) -> None:
        """Stop what the page left running."""
        for folder in (self._folder / "home").glob("*/run/state.json"):
            name = folder.parent.parent.name
            grpst = Path(sys.executable).parent / "grpst"
            subprocess.run(
                [grpst, "stop", name, "--timeout", "5"],
                check=False,
                env=self._environment,
                capture_output=True,
            )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with chosen_ports() as ports:
        found = Reader(tmp_path, ports)
        yield found
        found.stop_all()


@pytest.mark.parametrize("page", [p for p in pages() if blocks(p)], ids=name_of)
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_blocks_run_in_order(page: Path, reader: Reader) -> None:
    printed: str | None = None
    for block in blocks(page):
        if block.runs:
            printed = reader.run(block)
            continue
        if block.language == "json":
            _check_answer(block, printed)
        printed = None


def _check_answer(block: Block, printed: str | None) -> None:
    """A JSON block right behind one that ran is what that one printed."""
    shown = json.loads(block.text)
    if printed is not None:
        assert json.loads(printed) == shown, f"line {block.line}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_other_blocks_are_well_formed(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"line {block.line}: {block.language!r}"
        if block.language != "yaml":
            continue
        first, _, _ = block.text.partition("\n")
        if first == "# server.yml":
            parse_server(block.text, name_of(page))
        elif first == "# inference.yml":
            parse_inference(block.text, name_of(page))
        else:
            yaml.safe_load(block.text)


def test_few_blocks_are_skipped() -> None:
    # Those of other servers are run by tools.migration.
    skipped = [
        block
        for page in pages()
        for block in blocks(page)
        if block.no_run and page.parent.name != "migrate"
    ]
    assert len(skipped) <= MOST_SKIPPED
    assert sum(block.runs for page in pages() for block in blocks(page)) > 4 * len(skipped)


def test_every_fence_is_seen() -> None:
    for page in pages():
        fences = page.read_text(encoding="utf-8").count("\n```")
        assert fences == 2 * len(blocks(page)), name_of(page)
