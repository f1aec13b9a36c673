"""Make and check everything of a release but its upload, in ``dist/``.

With ``--check``: the same from what ``make setup`` has built, for this machine, with
one Python, in ``.release/check/``. It builds nothing for other machines.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from pathlib import Path

from tools.release.check import check_built
from tools.release.commands import ReleaseError, step
from tools.release.full import make_release
from tools.release.plan import DIST, TARGETS, WORK, Plan, git, workspace_version
from tools.release.versions import different_versions, missing_changes, uncommitted


def read_words() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("--check", action="store_true", help="check what is built, in minutes")
    parser.add_argument(
        "--draft",
        action="store_true",
        help="also if the version has no section in CHANGELOG.md, or files are not committed",
    )
    parser.add_argument("--profile", choices=("release", "dev"), default="release")
    parser.add_argument(
        "--machine",
        choices=sorted(TARGETS),
        action="append",
        help="build only for this machine; several times for several",
    )
    words = parser.parse_args()
    if words.profile != "release" and not words.draft:
        parser.error("--profile dev is for drafts: add --draft")
    return words


def find_problems(version: str, *, full: bool) -> list[str]:
    """Return what keeps this commit from being released, one line each.

    Args:
        version: The version in ``Cargo.toml``.
        full: Whether it is to be released now.
    """
    problems = [*different_versions(version), *missing_changes(version, released=full)]
    if full:
        problems += [f"not committed: {line}" for line in uncommitted()]
    return problems


def plan_of(words: argparse.Namespace) -> Plan:
    """Return what is made by this command line."""
    machines = words.machine or list(TARGETS)
    if words.check:
        machines = [platform.machine()]
    work = WORK / "check" if words.check else WORK
    return Plan(
        version=workspace_version(),
        commit=git("rev-parse", "HEAD"),
        committed_at=int(git("show", "--no-patch", "--format=%ct", "HEAD")),
        targets=tuple(TARGETS[machine] for machine in machines),
        profile=words.profile,
        work=work,
        dist=work / "dist" if words.check else DIST,
    )


def main() -> int:
    """Make a release, or check what is built."""
    words = read_words()
    plan = plan_of(words)
    try:
        with step(f"versions of {plan.version}"):
            problems = find_problems(plan.version, full=not (words.check or words.draft))
            if problems:
                raise ReleaseError("\n".join(problems))
        empty(plan.dist)
        if words.check:
            check_built(plan)
        else:
            make_release(plan)
    except ReleaseError as error:
        print(f"{error}\nrelease: FAILED", file=sys.stderr)
        return 1
    for path in sorted(plan.dist.iterdir()):
        print(f"  {path.stat().st_size / 1e6:8.1f} MB  {os.path.relpath(path)}")
    print("release: everything is checked" if words.check else "release: ready for the upload")
    return 0


def empty(folder: Path) -> None:
    """Make a folder without files of an earlier run."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    sys.exit(main())
