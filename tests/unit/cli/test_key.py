"""``grpst key``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from grps.cli.verbs.key import command
from grps.config.loader import load_keys
from grps.server.configuration import parse_server


def test_the_entry_is_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.yml"
    keys = {}
    file.write_text("keys:\n")
    for name, options in {
        "a": [],
        "b": ["-s", "infer", "--max_requests_per_second", "2.5", "--max_concurrency", "3"],
        "c": ["--max_requests_per_minute", "60", "--max_tokens_per_minute", "1000000000"],
    }.items():
        result = CliRunner().invoke(command, [name, *options])
        assert result.exit_code == 0
        keys[name] = result.stderr.split()[-1]
        file.write_text(file.read_text() + result.stdout)
        assert keys[name] not in result.stdout
    first, second, third = load_keys(file)
    assert first.sha256 == hashlib.sha256(keys["a"].encode()).hexdigest()
    assert (first.scopes, first.max_concurrency) == (("infer", "read"), None)
    assert second.sha256 == hashlib.sha256(keys["b"].encode()).hexdigest()
    assert (second.scopes, second.max_concurrency) == (("infer",), 3)
    assert second.max_requests_per_second == 2.5
    assert (third.max_requests_per_minute, third.max_tokens_per_minute) == (60, 10**9)
    assert len(keys["a"]) > 40


@pytest.mark.parametrize(
    "arguments",
    [
        ["a b"],
        [""],
        ["a", "-s", "write"],
        ["a"] * 2,
        ["n" * 129],
        ["a", "--max_tokens_per_minute", "1000000001"],
    ],
)
def test_bad_arguments(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


def digest(key: str) -> str:
    return hashlib.sha256(key.strip().encode()).hexdigest()


def test_the_key_is_added_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "conf" / "keys.yml"
    first = CliRunner().invoke(command, ["a", "--file", str(file)])
    assert (first.exit_code, len(first.stdout.split())) == (0, 1)
    file.write_text("# the callers\n" + file.read_text())
    file.chmod(0o640)
    second = CliRunner().invoke(command, ["b", "--file", str(file), "--max_concurrency", "3"])
    assert [key.sha256 for key in load_keys(file)] == [digest(first.stdout), digest(second.stdout)]
    assert load_keys(file)[1].max_concurrency == 3
    assert file.read_text().startswith("# the callers\n")
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.read_text()
    again = CliRunner().invoke(command, ["a", "--file", str(file)])
    assert again.exit_code == 1 and "'a' is already the name of keys[0]" in str(again.exception)
    assert (again.stdout, file.read_text()) == ("", before)


@pytest.mark.parametrize(
    "text", ["", "# c\nmax_concurrency: 3 # c\n", "auth:\n  keys_file: k.yml\n"]
)
def test_the_key_is_added_to_the_configuration(text: str, tmp_path: Path) -> None:
    file = tmp_path / "server.yml"
    file.write_text(text)
    for name in ("1", "b"):
        result = CliRunner().invoke(command, [name, "--file", str(file), "-s", "admin"])
        assert result.exit_code == 0, result.exception
    assert file.read_text().startswith(text)
    auth = parse_server(file.read_text(), str(file)).auth
    assert auth is not None
    assert [(key.name, key.scopes) for key in auth.keys] == [("1", ("admin",)), ("b", ("admin",))]


def test_a_file_that_is_no_configuration_stays(tmp_path: Path) -> None:
    file = tmp_path / "notes.yml"
    file.write_text("title: mine\n")
    result = CliRunner().invoke(command, ["a", "--file", str(file)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert file.read_text() == "title: mine\n"
