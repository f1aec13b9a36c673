"""Model archives of TorchServe, which may be hostile."""

from __future__ import annotations

import io
import shutil
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grps.deploy.archive.model_archive import is_model_archive, unpack_model_archive
from grps.deploy.archive.unpack import Limits
from grps.errors import ArchiveError
from tests.model_archives import MANIFEST, manifest_of, write_mar
from tests.unit.deploy.archive.archives import head_of, zip_of

TRUE = manifest_of("m", "handler.py")


def crafted(folder: Path, *parts: tuple[zipfile.ZipInfo, bytes]) -> Path:
    archive = folder / "x.mar"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(archive, "w") as opened:
            for head, content in (*parts, (head_of(MANIFEST), TRUE)):
                opened.writestr(head, content)
    return archive


def refused(archive: Path, limits: Limits | None = None) -> str:
    target = archive.parent / "out" / "model"
    with pytest.raises(ArchiveError) as raised:
        unpack_model_archive(archive, target, limits=limits or Limits())
    assert not target.exists()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_all_files_are_unpacked(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"handler.py": "a = 1\n", "sub/data.bin": bytes(3000)}
    archive = write_mar(tmp_path / "m.mar", TRUE, files)
    assert is_model_archive(archive)
    unpack_model_archive(archive, tmp_path / "model")
    assert (tmp_path / "model" / "handler.py").read_text() == "a = 1\n"
    assert (tmp_path / "model" / "sub" / "data.bin").read_bytes() == bytes(3000)
    assert (tmp_path / "model" / MANIFEST).read_bytes() == TRUE


def test_entries_of_folders_are_left_out(tmp_path: Path) -> None:
    folder = head_of("sub/", stat.S_IFDIR | 0o755)
    archive = crafted(tmp_path, (folder, b""), (head_of("sub/a"), b"1"))
    unpack_model_archive(archive, tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["MAR-INF", "sub"]


def test_other_files_are_no_model_archives(tmp_path: Path) -> None:
    own = tmp_path / "own.mar"
    own.write_bytes(zip_of((head_of("a"), b"1")))
    text = tmp_path / "text.mar"
    text.write_text("MAR-INF/MANIFEST.json")
    for path in (own, text, tmp_path / "missing.mar", tmp_path):
        assert not is_model_archive(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("../a", "'..'"),
        ("a/../../b", "'..'"),
        ("/etc/a", "absolute"),
        ("a\\b", "backslash"),
        ("a//b", "empty part"),
        ("../a/", "'..'"),
    ],
)
def test_paths(tmp_path: Path, path: str, text: str) -> None:
    assert text in refused(crafted(tmp_path, (head_of(path), b"")))


@pytest.mark.parametrize(
    ("mode", "text"),
    [(stat.S_IFLNK | 0o777, "the entry is a link"), (stat.S_IFIFO | 0o644, "not a plain file")],
)
def test_special_files(tmp_path: Path, mode: int, text: str) -> None:
    assert text in refused(crafted(tmp_path, (head_of("a", mode), b"/etc/passwd")))


def test_duplicates(tmp_path: Path) -> None:
    twice = crafted(tmp_path, (head_of("a"), b"1"), (head_of("a"), b"2"))
    assert "two files have this name" in refused(twice)
    both = crafted(tmp_path, (head_of("a"), b"1"), (head_of("a/b"), b"2"))
    assert "both a file and a folder" in refused(both)


def test_limits(tmp_path: Path) -> None:
    archive = crafted(tmp_path, (head_of("a"), b"12345"))
    size = len(TRUE) + 5
    unpack_model_archive(archive, tmp_path / "fits", limits=Limits(max_total_bytes=size))
    assert f"at most {size - 1}" in refused(archive, Limits(max_total_bytes=size - 1))
    assert "at most 0 are unpacked" in refused(archive, Limits(max_entries=0))


def test_a_file_that_is_packed_too_well(tmp_path: Path) -> None:
    archive = write_mar(tmp_path / "m.mar", TRUE, {"a": bytes(4 << 20)})
    assert "times as many" in refused(archive)


def test_damaged_contents(tmp_path: Path) -> None:
    archive = crafted(tmp_path, (head_of("a"), b"contents"))
    archive.write_bytes(archive.read_bytes().replace(b"contents", b"contentz"))
    assert "damaged" in refused(archive)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_is_refused_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        opened.writestr("a", b"12345")
        opened.writestr(MANIFEST, TRUE)
    good = bytearray(out.getvalue())
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    archive = tmp_path / "x.mar"
    archive.write_bytes(good[: data.draw(st.integers(0, len(good)))])
    target = tmp_path / "out"
    is_model_archive(archive)
    try:
        unpack_model_archive(archive, target)
    except ArchiveError:
        assert not target.exists()
    else:
        for path in target.rglob("*"):
            assert path.resolve().is_relative_to(target)
        shutil.rmtree(target)
