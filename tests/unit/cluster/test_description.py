"""Names and numbers of deployments."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from grps.cluster.description import (
    MAX_NAME_CHARS,
    MAX_REPLICAS,
    Version,
    check_name,
    parse_replicas,
)
from grps.errors import DeployError


@pytest.mark.parametrize(
    ("text", "found"),
    [("3", (3, 3)), ("1:4", (1, 4)), ("0", (0, 0)), (f"1:{MAX_REPLICAS}", (1, MAX_REPLICAS))],
)
def test_replicas(text: str, found: tuple[int, int]) -> None:
    assert parse_replicas(text) == found


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "neither"),
        ("-1", "neither"),
        ("1:", "neither"),
        ("1:2:3", "neither"),
        ("²", "neither"),
        ("4:1", "greater"),
        ("0:2", "begin at 1"),
        (str(MAX_REPLICAS + 1), "at most"),
    ],
)
def test_replicas_that_are_refused(text: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        parse_replicas(text)


def test_names() -> None:
    longest = "a" * MAX_NAME_CHARS
    assert check_name(longest) == longest
    for wrong in (longest + "a", "", ".hidden", "-flag", "a/b", "a b"):
        with pytest.raises(DeployError, match="can't be the name"):
            check_name(wrong)


def test_a_version_is_another_one_when_a_replica_of_it_would_differ() -> None:
    version = Version(archive="a" * 64, size=1, source="x.onnx")
    assert version.runs_as(replace(version, number=7, source="y.onnx", start_timeout_s=9.0))
    assert not version.runs_as(replace(version, archive="b" * 64))
    assert not version.runs_as(replace(version, insecure=True))
