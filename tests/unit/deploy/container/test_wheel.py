"""The wheel of the installed GRPS."""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from grps.deploy.container import wheel as module
from grps.deploy.container.wheel import write_wheel
from grps.errors import DeployError


@pytest.fixture
def without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the largest files, which take long to pack."""
    monkeypatch.setattr(module, "PACKAGES", ("grps_framework",))


def test_the_wheel_is_one(tmp_path: Path, without_programs: None) -> None:
    path = write_wheel(tmp_path)
    version = metadata.version("grpst")
    assert path.name.startswith(f"grpst-{version}-cp310-abi3-")
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        record = packed.read(f"grpst-{version}.dist-info/RECORD").decode()
        rows = list(csv.reader(record.splitlines()))
        for name, digest, size in rows[:-1]:
            data = packed.read(name)
            wanted = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={wanted}", len(data))
    assert sorted(names) == sorted(row[0] for row in rows)
    assert "grps_framework/__init__.py" in names
    assert f"grpst-{version}.dist-info/entry_points.txt" in names
    assert not [name for name in names if "__pycache__" in name or ".." in name]
    assert not [name for name in names if name.endswith(("direct_url.json", "INSTALLER"))]


def test_the_same_files_give_the_same_bytes(tmp_path: Path, without_programs: None) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert write_wheel(one).read_bytes() == write_wheel(other).read_bytes()


def test_without_an_installation_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DISTRIBUTION", "grpst-that-is-not-there")
    with pytest.raises(DeployError, match="give one with --wheel"):
        write_wheel(tmp_path)
