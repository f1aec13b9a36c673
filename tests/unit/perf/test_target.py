"""URLs and addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.cli.perf.options import is_address
from grps.perf import PerfError, Target
from grps.perf.target import read_url


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://h:7080", Target("h", 7080)),
        ("http://h", Target("h", 80)),
        ("https://h/a?b=c", Target("h", 443, "/a?b=c", True)),
        ("h:7080", Target("h", 7080)),
        ("[::1]:7080", Target("::1", 7080)),
        ("grpcs://h:1/", Target("h", 1, "", True)),
    ],
)
def test_urls(text: str, target: Target) -> None:
    assert is_address(text)
    assert read_url(text) == target
    assert read_url(target.address).address == target.address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://h:1", "a URL begins with"),
        ("http://h:99999", "Port out of range"),
        ("http://:80", "use HOST:PORT"),
        ("brpc://h", "use HOST:PORT"),
        ("http://user:secret@h", "give a key by --key_file"),
    ],
)
def test_wrong_urls_are_refused(text: str, said: str) -> None:
    with pytest.raises(PerfError, match=said):
        read_url(text)


def test_names_of_services_are_no_addresses() -> None:
    assert not is_address("my_service")
    assert not is_address("my.service-1")


def test_authorities_are_read_from_the_given_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    assert Target("h", 1, tls=True, ca=tmp_path / "ca.pem").authorities() == "certificates"
    with pytest.raises(PerfError, match=r"none\.pem; give them by --ca FILE"):
        Target("h", 1, tls=True, ca=tmp_path / "none.pem").authorities()
