"""Tests what is released as its users get it: installed into a fresh environment, or unpacked."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

from tools.release.commands import ReleaseError, run
from tools.release.plan import SERVER, Plan, Target
from tools.release.trials.debian_root import DebianRoot, install_packages
from tools.release.trials.pythons import clean_environment, install
from tools.release.trials.service import check_server, write_model

SERVICE = "release-check"
ANSWER = [[2.0, 5.0]]
COMMAND_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True)
class Facts:
    """What a build must say of itself."""

    version: str
    commit: str | None
    target: str
    profile: str

    def check(self, said: Mapping[str, object] | None, of: str) -> None:
        """Compare with what was said.

        Raises:
            ReleaseError: Something differs.
        """
        wanted = {name: getattr(self, name) for name in self.__slots__}
        found = {name: (said or {}).get(name) for name in wanted}
        if found != wanted:
            raise ReleaseError(f"{of} says {found}, not {wanted}")


def facts_of(plan: Plan, target: Target) -> Facts:
    """Return what a build by a plan says."""
    return Facts(plan.version, plan.commit, target.rust, plan.built)


def said_version(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], facts: Facts
) -> dict[str, Any]:
    """Return what ``grpst version`` says; the native module is as it must be.

    Args:
        command: The program ``grpst``.
        folder: Where it runs: no folder with sources of GRPS, which Python would take.
        environment: All its variables.
        facts: What the module must say.

    Raises:
        ReleaseError: It says something else.
    """
    said: dict[str, Any] = json.loads(run([*command, "version", "--json"], folder, environment))
    facts.check(said["module"], "the native module")
    if said["version"] != str(Version(facts.version)):
        raise ReleaseError(f"the package is {said['version']}, not {facts.version}")
    if said["abi"] != "abi3":
        raise ReleaseError(f"the native module is for {said['abi']}, not for abi3")
    return said


def check_wheel(
    python: Path, wheel: Path, folder: Path, facts: Facts, lock: Path | None = None
) -> None:
    """Install a wheel, serve a model by it in Python and without, and call it.

    Args:
        python: The Python to install it for.
        wheel: The wheel.
        folder: Where the environment and the services are made.
        facts: What the builds must say.
        lock: Versions of packages; the newest that fit when ``None``.

    Raises:
        ReleaseError: Something fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    programs = install(python, wheel, folder / "venv", lock)
    environment = clean_environment(GRPS_HOME=str(folder / "home"))
    grpst = str(programs / "grpst")
    said = said_version([grpst], folder, environment, facts)
    facts.check(said["server"], "the server in the wheel")
    model = write_model(folder)
    for flags in ([], ["--native"]):
        _serve_and_call(grpst, [str(model), *flags], folder, environment)


def _serve_and_call(
    grpst: str, words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> None:
    serve = [grpst, "serve", *words, "--name", SERVICE, "--host", "127.0.0.1", "--port", "0,0"]
    run([*serve, "--device", "cpu", "--no_logging"], folder, environment, COMMAND_TIMEOUT_S)
    try:
        call = [grpst, "call", "double", "[[1, 2.5]]", "--service", SERVICE, "--output", "json"]
        said = run(call, folder, environment, COMMAND_TIMEOUT_S)
        if json.loads(said)["tensors"]["y"]["values"] != ANSWER:
            raise ReleaseError(f"the model returns {said}")
    finally:
        run([grpst, "stop", SERVICE], folder, environment, COMMAND_TIMEOUT_S)


def check_server_archive(
    archive: Path, library: Path, folder: Path, facts: Facts, runner: Sequence[str] = ()
) -> None:
    """Unpack the server without Python, serve a model by it, and call it.

    Args:
        archive: The archive.
        library: ONNX Runtime.
        folder: Where it is unpacked.
        facts: What the build must say.
        runner: The command before the program, for programs of another platform.

    Raises:
        ReleaseError: Something fails.
    """
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (program,) = folder.glob(f"{SERVER}-*/{SERVER}")
    command = [*runner, str(program)]
    environment = clean_environment(GRPS_HOME=str(folder / "home"))
    said = run([*command, "--version", "--json"], folder, environment)
    facts.check(json.loads(said), f"{archive.name}")
    command += ["--library", f"onnxruntime={library}"]
    check_server(command, folder / "native", environment, native=True)


def check_root(
    root: DebianRoot, wheel: Path, plan: Plan, python: Path, emulator: Path | None = None
) -> None:
    """Test a wheel and the server without Python in a Python that this machine has not.

    Args:
        root: The Python, with the libraries it needs.
        wheel: The wheel for its platform.
        plan: The run, which has packed the server.
        python: A Python of this machine with pip.
        emulator: What runs programs of the platform; ``None`` on that platform.

    Raises:
        ReleaseError: Something fails.
    """
    root.make()
    site, folder = root.folder / "site", root.folder / "services"
    install_packages(root, wheel, site, python)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    runner, facts = root.runner(emulator), facts_of(plan, root.target)
    environment = clean_environment(PYTHONPATH=str(site), GRPS_HOME=str(folder / "home"))
    command = [*runner, str(root.program), "-m"]
    said_version([*command, "grps.cli.main"], folder, environment, facts)
    check_server([*command, "grps.server"], folder / "python", environment, native=False)
    (library,) = site.glob("onnxruntime/capi/libonnxruntime.so.*")
    check_server_archive(plan.server_archive(root.target), library, folder, facts, runner)
