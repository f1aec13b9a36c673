"""A cache that can't be written is used as it is, if the model is whole in it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host

MODEL = os.urandom(10_000)
SHA256 = hashlib.sha256(MODEL).hexdigest()
SCRIPT = """
import sys
from pathlib import Path
from grps.errors import SourceError
from grps.sources import Settings, Sources

lines = []
try:
    sources = Sources(Settings(cache=Path(sys.argv[1])), on_line=lines.append)
    fetched = sources.fetch(sys.argv[2])
    print(fetched.path, fetched.fetched_bytes, *lines, sep="|")
except SourceError as error:
    print(error)
"""
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


def obey_modes() -> None:
    """Let the modes of files apply to root, too, once another program is run."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def fetch(cache: Path, uri: str) -> str:
    """Fetch in a process that may not write the cache; return what came of it."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(cache), uri],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=obey_modes,
    )
    return ran.stdout.strip()


def set_modes(cache: Path, file: int, folder: int) -> None:
    for path in (cache, *cache.rglob("*")):
        path.chmod(folder if path.is_dir() else file)


@pytest.fixture
def cache(host: Host, sources: Make, tmp_path: Path) -> Iterator[Path]:
    """A cache with two models, which nobody may write."""
    host.files["/a/model.onnx"] = host.files["/a/other.onnx"] = MODEL
    pinned = sources().fetch(f"{host.url}/a/model.onnx#sha256={SHA256}")
    other = sources().fetch(f"{host.url}/a/other.onnx")
    pinned.lease.release()
    other.lease.release()
    folder = tmp_path / "cache"
    set_modes(folder, 0o444, 0o555)
    yield folder
    with suppress(FileNotFoundError):
        set_modes(folder, 0o644, 0o755)


def content(cache: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in cache.rglob("*")}


def test_what_is_whole_is_used_and_nothing_is_written(host: Host, cache: Path) -> None:
    before, asked = content(cache), len(host.seen)
    path, fetched, *lines = fetch(cache, f"{host.url}/a/model.onnx#sha256={SHA256}").split("|")
    assert (Path(path).read_bytes(), fetched, lines) == (MODEL, "0", [])
    path, fetched, line = fetch(cache, f"{host.url}/a/other.onnx").split("|")
    assert (Path(path).read_bytes(), fetched) == (MODEL, "0")
    assert line.startswith(f"the cache can't be written; its copy of {host.url}/a/other.onnx")
    assert (content(cache), len(host.seen)) == (before, asked)


def test_what_is_damaged_or_missing_is_an_error(host: Host, cache: Path) -> None:
    uri = f"{host.url}/a/none.onnx"
    assert f"{uri}: the cache can't be used: " in (said := fetch(cache, uri))
    assert "the model is not whole there; set GRPS_CACHE to a folder that can be written" in said
    for model in (cache / "models").glob("*/*.onnx"):
        model.chmod(0o644)
        model.write_bytes(MODEL[::-1])
        model.chmod(0o444)
    said = fetch(cache, f"{host.url}/a/model.onnx#sha256={SHA256}")
    assert "the model is not whole there" in said
