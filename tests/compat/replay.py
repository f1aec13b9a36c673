"""Replaying recorded exchanges against a running project."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.raw_http import Answer, Connection
from tests.support import RunningServer, serving

DATA = Path(__file__).parent / "data"


def records(protocol: str) -> list[dict[str, Any]]:
    """All recorded exchanges of a protocol, in order."""
    lines = (DATA / "golden" / f"{protocol}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def local(project: Path) -> None:
    """Let a project listen on free ports of this machine only."""
    file = project / "conf" / "server.yml"
    settings = yaml.safe_load(file.read_text())
    settings["interface"].update(host="127.0.0.1", port="0,0")
    file.write_text(yaml.safe_dump(settings))


@contextmanager
def serving_project(name: str, folder: Path) -> Iterator[RunningServer]:
    """Serve a recorded project as it is, but for the ports."""
    target = folder / name
    shutil.copytree(DATA / "projects" / name, target)
    local(target)
    with serving(target) as running:
        yield running


def content(body: dict[str, str] | None) -> bytes:
    """The bytes of a recorded body."""
    if body is None:
        return b""
    return base64.b64decode(body["b64"]) if "b64" in body else body["text"].encode()


def ask(server: RunningServer, recorded: dict[str, Any]) -> Answer:
    """Send a recorded request byte by byte as it was."""
    lines = [f"{recorded['method']} {recorded['path']} HTTP/{recorded['http_version']}"]
    lines += [f"{name}: {value}" for name, value in recorded["headers"]]
    connection = Connection(server.ports[0])
    try:
        connection.send("\r\n".join([*lines, "", ""]).encode())
        connection.send(content(recorded.get("body")))
        while (answer := connection.answer()).status == 100:
            pass
        return answer
    finally:
        connection.close()
