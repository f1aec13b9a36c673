"""The languages that have a client, and how their conformance programs are run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.conformance.results import Result, read_results
from tools.conformance.service import RESULTS
from tools.repository import ROOT

BUILD_S, RUN_S = 900, 300
"""How long a build may take on an empty cache, and a program."""


class ProgramError(Exception):
    """A client can't be built, or its conformance program failed."""


@dataclass(frozen=True, slots=True)
class Language:
    """A client and its conformance program."""

    name: str
    title: str
    folder: str
    """Where its commands run, relative to the repository."""
    program: tuple[str, ...]
    """The command that makes the checks."""
    protocols: tuple[str, ...]
    build: tuple[tuple[str, ...], ...] = ()
    """The commands before it."""
    tests: tuple[tuple[str, ...], ...] = ()
    """The commands that run its own tests and linters, once it is built."""
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Features that it lacks, each with the protocols over which it does."""


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the commands of a language, with the variables of the service."""
    # Go may have come as a Python package: see tools/programs/golang.py.
    path = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
    return {**os.environ, **variables, "PATH": path}


@contextmanager
def building(language: Language) -> Iterator[None]:
    """Keep other processes from building the client while the block runs."""
    lock = ROOT / "target" / f"client-{language.name}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(language: Language, variables: Mapping[str, str]) -> None:
    """Build a client and its conformance program.

    Raises:
        ProgramError: A command failed; the text has the end of its output.
    """
    with building(language):
        _run_all(language.build, language, variables)


def run_tests(language: Language, variables: Mapping[str, str]) -> None:
    """Run the own tests of a client that is built.

    Raises:
        ProgramError: A command failed; the text has the end of its output.
    """
    _run_all(language.tests, language, variables)


def measure(language: Language, variables: Mapping[str, str]) -> list[Result]:
    """Run the conformance program of a client that is built; return what it wrote.

    Args:
        language: The client.
        variables: Those of the service; the file of the results does not exist.

    Raises:
        ProgramError: The program failed, and not only because of a check that it wrote. The text
            has the end of its output.
    """
    failure = _run(language.program, language.folder, environment_of(variables), RUN_S)
    results = read_results(Path(variables[RESULTS]))
    if failure and all(result.passed for result in results):
        raise ProgramError(failure)
    return results


def _run_all(
    commands: Iterable[tuple[str, ...]], language: Language, variables: Mapping[str, str]
) -> None:
    for command in commands:
        failure = _run(command, language.folder, environment_of(variables), BUILD_S)
        if failure:
            raise ProgramError(failure)


def _run(command: tuple[str, ...], folder: str, environment: dict[str, str], limit_s: int) -> str:
    """Run a command; return why it failed, or nothing."""
    try:
        ran = subprocess.run(
            command,
            cwd=ROOT / folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError:
        return f"{command[0]} is missing; run: tools/system_packages.sh"
    if ran.returncode == 0:
        return ""
    return f"{' '.join(command)} ended with {ran.returncode}, in {folder}:\n{ran.stdout[-4000:]}"


GRPS = ("http", "grpc")
ALL = (*GRPS, "oip-http", "oip-grpc", "brpc")
LANGUAGES = {
    language.name: language
    for language in (
        Language(
            name="python",
            title="Python",
            folder=".",
            program=(sys.executable, "tests/clients/python_conformance.py"),
            protocols=ALL,
        ),
        Language(
            name="java",
            title="Java",
            folder="clients/java",
            build=(
                (
                    *("mvn", "-q", "-pl", "grps-client,conformance"),
                    *("-Dmaven.javadoc.skip=true", "package"),
                ),
            ),
            program=("java", "-jar", "conformance/target/grps-conformance.jar"),
            protocols=GRPS,
        ),
        Language(
            name="cpp",
            title="C++",
            folder="clients/cpp",
            build=(("./build.sh",),),
            program=("build/conformance/grps_conformance",),
            protocols=GRPS,
        ),
        Language(
            name="go",
            title="Go",
            folder="clients/go",
            build=(("go", "build", "-o", "build/conformance", "./internal/conformance"),),
            program=("build/conformance",),
            protocols=GRPS,
            tests=(("./check.sh",), ("internal/generate.sh", "--check")),
        ),
        Language(
            name="js",
            title="TypeScript",
            folder="clients/js",
            build=(("./build.sh",),),
            program=("node", "--expose-gc", "build/conformance/main.js"),
            protocols=GRPS,
            tests=(("npm", "run", "--silent", "lint"), ("node", "--test", "build/test/")),
        ),
    )
}
"""In the order of the table in the docs."""
