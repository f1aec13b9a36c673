"""What the native module and the server without Python say of how they were built."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from grps.cli.verbs.version import version_line
from grps.deploy.build_facts import BuildFacts, module_abi, module_build, server_build
from grps.deploy.native import PROGRAM
from tests.unit.cli.conftest import Grpst, grpst  # noqa: F401 - a fixture
from tools.release.plan import workspace_version

FACTS = BuildFacts("1.2.3", "0123456789abcdef", "1.95.0", "x86_64-unknown-linux-gnu", "release")


def test_the_commit_is_said_in_short() -> None:
    told = "commit 0123456789ab, release build, x86_64-unknown-linux-gnu, rust 1.95.0"
    assert str(FACTS) == told


def test_both_programs_are_of_this_version() -> None:
    module, server = module_build(), server_build()
    assert module is not None
    assert server is not None
    assert module.version == server.version == workspace_version()
    assert module.target == server.target
    assert module.rust == server.rust
    assert module_abi() == "abi3"


@pytest.mark.parametrize("text", ["exit 1", "echo no JSON", "echo '{}'"])
def test_a_server_that_does_not_say_it_is_none(tmp_path: Path, text: str) -> None:
    assert server_build(tmp_path / "absent") is None
    program = tmp_path / "server"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    assert server_build(program) is None


def test_the_server_says_it_in_a_line() -> None:
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    server = server_build()
    assert server is not None
    assert said.stdout == f"grps-server {server.version} ({server})\n"
    wrong = subprocess.run([PROGRAM, "--json"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr) == (2, "error: --json: only with --version\n")


def test_grpst_says_it_in_a_line_and_as_json(grpst: Grpst) -> None:  # noqa: F811
    line = grpst("--version").output
    assert line == f"{version_line()}\n"
    assert line.startswith(f"grpst {workspace_version()} (")
    report = json.loads(grpst("version", "--json").output)
    assert report["module"]["version"] == report["server"]["version"] == report["version"]
    assert report["abi"] == "abi3"
    assert "onnxruntime" in report["native_engines"]
    assert report["packages"]["onnxruntime"]
    assert f"native module: {report['version']} (" in grpst("version").output
