"""A copy of the Python package that a test adds something to, as a contributor would."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import requests

from tests.support import REPOSITORY

PACKAGES = ("grps", "grps_apis", "grps_framework")


@dataclass(frozen=True, slots=True)
class Package:
    """The copy, and a folder for what is served with it."""

    root: Path
    work: Path

    def write(self, path: str, text: str) -> None:
        """Add a file."""
        file = self.root / path
        assert not file.exists()
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text))

    def add_line(self, path: str, after: str, line: str) -> None:
        """Add a line to a table, behind the only line with the text ``after``."""
        file = self.root / path
        lines = file.read_text().splitlines()
        [index] = [number for number, one in enumerate(lines) if after in one]
        indent = " " * (len(lines[index]) - len(lines[index].lstrip()))
        lines.insert(index + 1, indent + line)
        file.write_text("\n".join(lines) + "\n")

    def added(self) -> list[str]:
        """Return the files that the repository does not have."""
        return sorted(set(_files(self.root)) - set(_files(REPOSITORY)))

    def changed(self) -> dict[str, int]:
        """Return the files of the repository that differ, with how many lines they have more."""
        found = {}
        for name in _files(REPOSITORY):
            before = (REPOSITORY / name).read_bytes()
            after = (self.root / name).read_bytes()
            if before != after:
                found[name] = after.count(b"\n") - before.count(b"\n")
        return found

    def environment(self) -> dict[str, str]:
        """Return the environment in which Python imports the copy."""
        home = str(self.work / "home")
        return {**os.environ, "PYTHONPATH": str(self.root), "GRPS_HOME": home, "COLUMNS": "100"}

    def grpst(self, *arguments: object, code: int = 0) -> str:
        """Run the tool of the copy and return what it prints."""
        return self.python("-m", "grps.cli.main", *arguments, code=code)

    def python(self, *arguments: object, code: int = 0) -> str:
        """Run Python with the copy and return what it prints."""
        ran = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.work,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    @contextmanager
    def serving(self, *arguments: object) -> Iterator[str]:
        """Start a service by a serve verb and yield the address of predict."""
        place = ("--name", "added", "--host", "127.0.0.1", "--port", "0", "--no_logging")
        printed = self.grpst(*arguments, *place)
        try:
            [line] = [line for line in printed.splitlines() if line.startswith("try ")]
            [url] = [word for word in shlex.split(line) if word.startswith("http://")]
            yield url
        finally:
            self.grpst("stop", "added")


def copy_of(folder: Path) -> Package:
    """Copy the package into a folder; the native module is linked."""
    root, work = folder / "package", folder / "work"
    work.mkdir(parents=True)
    without = shutil.ignore_patterns("__pycache__", "_core*.so")
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, root / name, symlinks=True, ignore=without)
    for native in (REPOSITORY / "grps").glob("_core*.so"):
        (root / "grps" / native.name).symlink_to(native)
    package = Package(root, work)
    home = package.python("-c", "import grps; print(grps.__file__)").strip()
    assert home == str(root / "grps" / "__init__.py")
    return package


def post(url: str, body: Any, content_type: str = "application/json") -> Any:
    """Send a request and return the response."""
    data = body if isinstance(body, str) else json.dumps(body)
    response = requests.post(url, data=data, headers={"Content-Type": content_type}, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


def _files(root: Path) -> list[str]:
    return [
        str(file.relative_to(root))
        for name in PACKAGES
        for file in (root / name).rglob("*")
        if file.is_file() and file.suffix != ".so" and "__pycache__" not in file.parts
    ]
