"""Unpacking of archives that may be hostile."""

from __future__ import annotations

import gzip
import io
import random
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grps.deploy.archive.manifest import MANIFEST, FileEntry
from grps.deploy.archive.unpack import Limits, unpack
from grps.errors import ArchiveError
from tests.unit.deploy.archive.archives import entry_of, head_of, manifest_of, zip_of

GOOD = zip_of((head_of("src/a.py"), b"a = 1\n"), (head_of("data/m"), bytes(2000)))
A = (head_of("a"), b"1")
TRUE = manifest_of(entry_of("a", b"1"))


def refused(folder: Path, data: bytes, limits: Limits | None = None) -> str:
    """Unpack what must be refused; nothing may be left."""
    archive = folder / "x.mar"
    archive.write_bytes(data)
    before = sorted(folder.rglob("*"))
    with pytest.raises(ArchiveError) as raised:
        unpack(archive, folder / "out" / "project", limits=limits or Limits())
    left = [path for path in sorted(folder.rglob("*")) if path not in before]
    assert left in ([], [folder / "out"])
    text = str(raised.value)
    assert text.startswith(f"{archive}: ")
    assert "\n" not in text
    return text


def accepted(folder: Path, data: bytes, limits: Limits | None = None) -> None:
    (folder / "x.mar").write_bytes(data)
    unpack(folder / "x.mar", folder / "out" / "project", limits=limits or Limits())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("../a", "'..'"),
        ("a/../../b", "'..'"),
        ("/etc/x", "absolute"),
        ("a\\b", "backslash"),
        ("a\x1b[2J", "control characters"),
        ("a/", "empty part"),
        ("./a", "'.'"),
    ],
)
def test_paths(tmp_path: Path, path: str, text: str) -> None:
    data = zip_of((head_of(path), b"1"))
    assert text in refused(tmp_path, data)
    hidden = zip_of((head_of(path), b"1"), manifest=manifest_of(entry_of("a", b"1")))
    assert text in refused(tmp_path, hidden)


def test_nul_in_a_name(tmp_path: Path) -> None:
    data = zip_of((head_of("aXb"), b"1"), manifest=TRUE).replace(b"aXb", b"a\0b")
    assert "control characters" in refused(tmp_path, data)


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (stat.S_IFLNK | 0o777, "the entry is a link"),
        (stat.S_IFIFO | 0o644, "not a plain file"),
        (stat.S_IFCHR | 0o644, "not a plain file"),
        (stat.S_IFSOCK | 0o644, "not a plain file"),
        (stat.S_IFDIR | 0o755, "not a plain file"),
    ],
)
def test_special_files(tmp_path: Path, mode: int, text: str) -> None:
    assert text in refused(tmp_path, zip_of((head_of("a", mode), b"/etc/passwd")))


def test_duplicates(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zip_of(A, (head_of("a"), b"2"), manifest=TRUE)
    assert "'a': the entry is there twice" in refused(tmp_path, twice)
    with pytest.warns(UserWarning, match="Duplicate name"):
        manifest = zip_of(A, (head_of(MANIFEST), b"2"), manifest=TRUE)
    assert "there twice" in refused(tmp_path, manifest)
    pair = (entry_of("caf\u00e9", b"1"), entry_of("cafe\u0301", b"1"))
    odd = zip_of((head_of("caf\u00e9"), b"1"), (head_of("cafe\u0301"), b"1"))
    assert "two files have this name" in refused(tmp_path, odd)
    assert "two files have this name" in refused(tmp_path, zip_of(A, manifest=manifest_of(*pair)))


def test_manifest_and_entries_must_agree(tmp_path: Path) -> None:
    more = zip_of(A, (head_of("b"), b"2"), manifest=TRUE)
    assert f"'b': the entry is not in {MANIFEST}" in refused(tmp_path, more)
    fewer = zip_of(A, manifest=manifest_of(entry_of("a", b"1"), entry_of("b", b"")))
    assert f"'b': in {MANIFEST}, but not in the archive" in refused(tmp_path, fewer)
    size = zip_of(A, manifest=manifest_of(entry_of("a", b"12")))
    assert "'a': 1 bytes, 2 by" in refused(tmp_path, size)
    other = zip_of(A, manifest=manifest_of(entry_of("a", b"2")))
    assert "'a': the contents don't match their SHA-256" in refused(tmp_path, other)


def test_encrypted(tmp_path: Path) -> None:
    data = bytearray(zip_of(A))
    at = data.rindex(b"PK\x01\x02") + 8
    data[at] |= 1
    assert "'a': the entry is encrypted" in refused(tmp_path, bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods(tmp_path: Path, method: int) -> None:
    data = zip_of((head_of("a", method=method), b"1"))
    assert "packed in a way" in refused(tmp_path, data)


def test_deflated_entries_are_fine(tmp_path: Path) -> None:
    accepted(tmp_path, zip_of((head_of("a", method=zipfile.ZIP_DEFLATED), b"12" * 999)))
    assert (tmp_path / "out/project/a").read_bytes() == b"12" * 999


def test_number_of_entries(tmp_path: Path) -> None:
    three = zip_of(*((head_of(name), b"") for name in "abc"))
    assert "3 files, at most 2" in refused(tmp_path, three, Limits(max_entries=2))
    accepted(tmp_path, three, Limits(max_entries=3))


def test_total_size(tmp_path: Path) -> None:
    data = zip_of((head_of("a"), bytes(60)), (head_of("b"), bytes(41)))
    assert "101 bytes unpacked, at most 100" in refused(tmp_path, data, Limits(max_total_bytes=100))
    accepted(tmp_path, data, Limits(max_total_bytes=101))


def test_ratio(tmp_path: Path) -> None:
    head = head_of("a", method=zipfile.ZIP_DEFLATED)
    data = zip_of((head, bytes(100_000)))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        packed = opened.getinfo("a").compress_size
    ratio = 100_000 // packed
    assert "more than" in refused(tmp_path, data, Limits(max_ratio=ratio, ratio_free_bytes=99_999))
    accepted(tmp_path, data, Limits(max_ratio=ratio + 1, ratio_free_bytes=0))


def test_ratio_of_small_files_is_free(tmp_path: Path) -> None:
    data = zip_of((head_of("a", method=zipfile.ZIP_DEFLATED), bytes(100_000)))
    accepted(tmp_path, data, Limits(max_ratio=1, ratio_free_bytes=100_000))


def test_ratio_of_all_files_together(tmp_path: Path) -> None:
    """Each file is small enough to be packed at any ratio; together they are a bomb."""
    names = [f"f{number}" for number in range(20)]
    parts = [(head_of(name, method=zipfile.ZIP_DEFLATED), bytes(1 << 20)) for name in names]
    data = zip_of(*parts)
    text = refused(tmp_path, data)
    assert f"{len(data)} bytes claim to unpack to {20 << 20}, more than 20 times as many" in text
    accepted(tmp_path, data, Limits(total_ratio_free_bytes=20 << 20))


def test_entries_that_share_their_bytes(tmp_path: Path) -> None:
    """Many entries that lead to the same bytes of the archive."""
    content = random.Random(1).randbytes(900_000)
    names = [f"f{number:02}" for number in range(40)]
    data = zip_of(*((head_of(name), content if name == "f00" else b"") for name in names))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        first = opened.getinfo("f00")
    manifest = manifest_of(*(entry_of(name, content) for name in names))
    data = zip_of(
        *((head_of(name), content if name == "f00" else b"") for name in names), manifest=manifest
    )
    changed = bytearray(data)
    at = changed.index(b"PK\x01\x02")
    for _ in range(len(names)):
        at = changed.index(b"PK\x01\x02", at + 1)
        sizes = struct.pack("<LLL", first.CRC, len(content), len(content))
        changed[at + 16 : at + 28] = sizes
    assert "claim to unpack to 36000000" in refused(tmp_path, bytes(changed))


def test_more_than_the_disk_has_room_for(tmp_path: Path) -> None:
    size = 1 << 31
    manifest = manifest_of(*(FileEntry(f"f{n}", size, "0" * 64, False) for n in range(9000)))
    data = bytearray(zip_of(*((head_of(f"f{n}"), b"") for n in range(9000)), manifest=manifest))
    at = data.index(b"PK\x01\x02")
    for _ in range(9000):
        at = data.index(b"PK\x01\x02", at + 1)
        data[at + 20 : at + 28] = struct.pack("<LL", size, size)
    limits = Limits(max_total_bytes=1 << 60, max_total_ratio=1 << 40)
    assert "has room for" in refused(tmp_path, bytes(data), limits)


def test_depth_and_number_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "over 64 parts" in refused(tmp_path, zip_of((head_of("a/" * 64 + "a"), b"1")))
    monkeypatch.setattr("grps.deploy.archive.manifest.MAX_ENTRIES", 3)
    assert "more than 3 folders" in refused(tmp_path, zip_of((head_of("a/b/c/d/e"), b"1")))


def test_size_of_the_directory(tmp_path: Path) -> None:
    data = zip_of(A)
    size = struct.unpack("<L", data[-10:-6])[0]
    assert "list of entries" in refused(tmp_path, data, Limits(max_directory_bytes=size - 1))
    accepted(tmp_path, data, Limits(max_directory_bytes=size))


def test_more_data_than_said(tmp_path: Path) -> None:
    """An entry that unpacks to more than both its head and the manifest say."""
    head = head_of("a", method=zipfile.ZIP_DEFLATED)
    data = bytearray(zip_of((head, bytes(5000)), manifest=manifest_of(entry_of("a", bytes(10)))))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.rindex(mark) + at
        data[place : place + 4] = struct.pack("<L", 10)
    refused(tmp_path, bytes(data))


@pytest.mark.parametrize("cut", [1, 10, 22, 100, len(GOOD) - 4])
def test_cut(tmp_path: Path, cut: int) -> None:
    refused(tmp_path, GOOD[:-cut])


def test_something_before_or_behind(tmp_path: Path) -> None:
    assert "before or behind" in refused(tmp_path, b"#!/bin/sh\n" + GOOD)
    refused(tmp_path, GOOD + b"tail")


def tar_of(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("conf/server.yml"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (tar_of("w"), "a tar"),
        (gzip.compress(b"x", mtime=0), "a gzip"),
        (zip_of(A)[4:].join([b"PK\x03\x04", b""])[:40], "a cut or damaged ZIP"),
    ],
)
def test_archives_of_another_tool(tmp_path: Path, data: bytes, kind: str) -> None:
    text = refused(tmp_path, data)
    assert f"{kind} file, but not one that this grpst packs" in text
    assert "grpst archive PROJECT" in text


def test_zip_without_a_manifest(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("conf/server.yml", "")
    assert "a ZIP file, but not one that this grpst packs" in refused(tmp_path, out.getvalue())
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    assert "not one that this grpst packs" in refused(tmp_path, empty.getvalue())


def test_no_archive_at_all(tmp_path: Path) -> None:
    assert "not an archive" in refused(tmp_path, b"hello")
    assert "not an archive" in refused(tmp_path, b"")
    with pytest.raises(ArchiveError, match="No such file"):
        unpack(tmp_path / "none.mar", tmp_path / "out")


def test_target_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "out" / "project").mkdir(parents=True)
    assert "is already there" in refused(tmp_path, GOOD)
    assert not any((tmp_path / "out" / "project").iterdir())


def mutate(data: bytes, seed: int) -> bytes:
    chosen = random.Random(seed)
    out = bytearray(data)
    for _ in range(chosen.randint(1, 6)):
        at = chosen.randrange(len(out))
        match chosen.randrange(4):
            case 0:
                out[at] = chosen.randrange(256)
            case 1:
                del out[at : at + chosen.randint(1, 8)]
            case 2:
                out[at:at] = chosen.randbytes(chosen.randint(1, 8))
            case _:
                other = chosen.randrange(len(out))
                out[at : at + 16] = out[other : other + 16]
    return bytes(out)


def attempt(folder: Path, data: bytes) -> None:
    """Unpack anything: it succeeds, or raises our error and leaves nothing."""
    outside = folder / "outside"
    inside = folder / "deep" / "er"
    (folder / "x.mar").write_bytes(data)
    outside.mkdir(exist_ok=True)
    try:
        unpack(folder / "x.mar", inside / "project", limits=Limits(max_total_bytes=100_000))
    except ArchiveError as error:
        assert "\n" not in str(error)
        assert not inside.exists() or not any(inside.iterdir())
    else:
        for path in sorted((inside / "project").rglob("*"), reverse=True):
            assert not path.is_symlink()
            path.unlink() if path.is_file() else path.rmdir()
        (inside / "project").rmdir()
    assert {path.name for path in folder.iterdir()} <= {"x.mar", "outside", "deep"}
    assert {path.name for path in (folder / "deep").glob("*")} <= {"er"}
    assert not any(outside.iterdir())


def test_mutated_archives(tmp_path: Path) -> None:
    for seed in range(1500):
        attempt(tmp_path, mutate(GOOD, seed))


PATHS = st.text(st.sampled_from("ab./\\\0\u00e9e\u0301~ "), max_size=8)
PARTS = st.lists(
    st.tuples(
        PATHS,
        st.binary(max_size=40),
        st.sampled_from([0o100644, 0o100755, 0o120777, 0o040755, 0]),
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    ),
    max_size=4,
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=PARTS, lie=st.booleans())
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_crafted_archives(
    tmp_path: Path, parts: list[tuple[str, bytes, int, int]], lie: bool
) -> None:
    made = [(head_of(path or "x", mode, method), content) for path, content, mode, method in parts]
    entries = [
        entry_of(path or "x", content + (b"!" if lie else b"")) for path, content, _, _ in parts
    ]
    attempt(tmp_path, zip_of(*made, manifest=manifest_of(*entries)))
