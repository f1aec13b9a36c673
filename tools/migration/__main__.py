"""Compare GRPS with another server: ``python -m tools.migration [NAME ...]``.

A name is that of a page in ``docs/migrate``, such as ``litserve``. The other server is installed
into a virtual environment of its own, and its example runs as the page has it, then that of GRPS.
Both must answer as the page says. Without names, all pages are done: that downloads several GB.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from contextlib import ExitStack, closing
from pathlib import Path
from socket import socket

from tools.migration.pages import Page, names, read_page
from tools.migration.peers import PEERS, Peer
from tools.migration.sides import Side, same
from tools.programs.own_environment import python_with
from tools.repository import ROOT

PORTS = ("7080", "7081")
"""Of GRPS on the pages; they are replaced by free ones."""


def version_of(python: Path, peer: Peer) -> str:
    """Return the name and the version of what serves their side."""
    package = peer.packages[0].split("==")[0].split("[")[0]
    code = "import importlib.metadata as m, platform, sys; "
    code += "print(sys.argv[1], m.version(sys.argv[1]) + ', Python', platform.python_version())"
    said = subprocess.run([python, "-c", code, package], check=True, capture_output=True, text=True)
    return said.stdout.strip()


def ask_theirs(page: Page, peer: Peer, python: Path, folder: Path) -> list[object]:
    """Run the other server's example and return its answers."""
    path = f"{folder / 'bin'}:{python.parent}:{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "HOME": str(folder), **peer.variables}
    variables.pop("PYTHONPATH", None)
    replaced = peer.prepare(python, folder) if peer.prepare else {}
    return answers_of(Side(folder, variables, python, replaced), page, "theirs")


def ask_ours(page: Page, folder: Path) -> list[object]:
    """Run the example of GRPS and return its answers."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    variables["GRPS_HOME"] = str(folder / "home")
    try:
        return answers_of(Side(folder, variables, Path(sys.executable), free_ports()), page, "ours")
    finally:
        # What a page that fails has left running: services are in sessions of their own.
        for state in (folder / "home").glob("*/run/state.json"):
            stop = [sys.executable, "-m", "grps.cli.main", "stop", state.parent.parent.name]
            subprocess.run(stop, check=False, env=variables)


def answers_of(side: Side, page: Page, which: str) -> list[object]:
    """Run one side of a page, and end what it has started."""
    try:
        return side.run([*page.shared, *(page.theirs if which == "theirs" else page.ours)])
    finally:
        side.end()


def free_ports() -> dict[str, str]:
    """Return a free port for each port of GRPS."""
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket())) for _ in PORTS]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        numbers = [str(probe.getsockname()[1]) for probe in probes]
    return dict(zip(PORTS, numbers, strict=True))


def compare(name: str, home: Path) -> list[str]:
    """Run both sides of a page; return a row of the table."""
    page, peer = read_page(name), PEERS[name]
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder, "theirs"), Path(folder, "ours")
        theirs.mkdir()
        ours.mkdir()
        found = ask_ours(page, ours)
        if peer.missing:
            return [name, f"not run: {peer.missing}", str(len(found)), "-"]
        root = (home / name).absolute()
        python = python_with(root, peer.packages, peer.alone, peer.unwanted)
        wanted = ask_theirs(page, peer, python, theirs)
        if not same(wanted, found):
            raise RuntimeError(f"{wanted} became {found}")
        return [name, version_of(python, peer), str(len(found)), "equal"]


def table(rows: list[list[str]]) -> str:
    """Return rows of cells with their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def main() -> int:
    """Compare the named pages; the exit code is how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all pages without one")
    parser.add_argument("--home", type=Path, default=ROOT / ".migration", help="of environments")
    parser.add_argument("--remove", action="store_true", help="remove each environment after use")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names()):
        parser.error(f"no page {', '.join(sorted(unknown))}; pages: {', '.join(names())}")
    rows, failed = [["page", "other server", "requests", "answers"]], 0
    for name in given.names or names():
        try:
            rows.append(compare(name, given.home))
        except Exception:  # the next pages run all the same
            traceback.print_exc()
            rows.append([name, "", "", "FAILED"])
            failed += 1
        if given.remove:
            shutil.rmtree(given.home / name, ignore_errors=True)
    print(table(rows))
    return failed


if __name__ == "__main__":
    sys.exit(main())
