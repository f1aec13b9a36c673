"""``grpst key``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from grps.cli.verbs.key import command
from grps.config.loader import load_keys


def test_the_entry_is_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.yml"
    keys = {}
    file.write_text("keys:\n")
    for name, options in {
        "a": [],
        "b": ["-s", "infer", "--max_requests_per_second", "2.5", "--max_concurrency", "3"],
    }.items():
        result = CliRunner().invoke(command, [name, *options])
        assert result.exit_code == 0
        keys[name] = result.stderr.split()[-1]
        file.write_text(file.read_text() + result.stdout)
        assert keys[name] not in result.stdout
    first, second = load_keys(file)
    assert first.sha256 == hashlib.sha256(keys["a"].encode()).hexdigest()
    assert (first.scopes, first.max_concurrency) == (("infer", "read"), None)
    assert second.sha256 == hashlib.sha256(keys["b"].encode()).hexdigest()
    assert (second.scopes, second.max_concurrency) == (("infer",), 3)
    assert second.max_requests_per_second == 2.5
    assert len(keys["a"]) > 40


@pytest.mark.parametrize("arguments", [["a b"], [""], ["a", "-s", "write"], ["a"] * 2, ["n" * 129]])
def test_bad_arguments(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2
