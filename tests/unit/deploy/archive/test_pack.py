"""Packing of projects."""

from __future__ import annotations

import os
import socket
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from grps.deploy.archive import pack as archive_module
from grps.deploy.archive.manifest import MANIFEST, check_path, check_paths, decode_manifest
from grps.deploy.archive.pack import Packed, pack
from grps.deploy.archive.unpack import unpack
from grps.errors import ArchiveError
from tests.unit.deploy.archive.archives import manifest_of, write_tree

FILES: dict[str, str | bytes] = {
    "src/a.py": "a = 1\n",
    "data/model.bin": bytes(range(256)) * 5000,
    "data/.gitkeep": "",
    "data/größe.txt": "x",
    "src/run/kept.py": "",
    "src/logs/kept.py": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "project", FILES)


def packed(project: Path, output: Path) -> Packed:
    return pack(project, output, "1.2.3", lambda what, done, total: None)


def names(output: Path) -> list[str]:
    with zipfile.ZipFile(output) as archive:
        return archive.namelist()


def test_everything_comes_back(project: Path, tmp_path: Path) -> None:
    (project / "src" / "a.py").chmod(0o755)
    result = packed(project, tmp_path / "server.mar")
    assert result.files == len(FILES)
    assert result.size == (tmp_path / "server.mar").stat().st_size
    manifest = unpack(tmp_path / "server.mar", tmp_path / "out")
    assert (manifest.project, manifest.grps_version, manifest.format) == ("project", "1.2.3", 1)
    for path in FILES:
        assert (tmp_path / "out" / path).read_bytes() == (project / path).read_bytes()
    assert os.access(tmp_path / "out" / "src" / "a.py", os.X_OK)
    assert not os.access(tmp_path / "out" / "data" / "model.bin", os.X_OK)


def test_same_tree_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = packed(project, tmp_path / "1.mar")
    copy = write_tree(tmp_path / "elsewhere" / "project", dict(reversed(FILES.items())))
    os.utime(copy / "src" / "a.py", (1, 1))
    second = packed(copy, tmp_path / "2.mar")
    assert (tmp_path / "1.mar").read_bytes() == (tmp_path / "2.mar").read_bytes()
    assert first.sha256 == second.sha256
    assert names(tmp_path / "1.mar") == [MANIFEST, *sorted(FILES)]


def test_what_does_not_belong_is_left_out(project: Path, tmp_path: Path) -> None:
    left_out = ("src/__pycache__/a.pyc", "x.pyc", ".git/HEAD", "logs/l", "run/state.json",
                "old.mar", "venv/pyvenv.cfg", "venv/bin/python", ".mypy_cache/x")  # fmt: skip
    write_tree(project, dict.fromkeys(left_out, ""))
    output = project / "server.mar"
    assert packed(project, output).files == len(FILES)
    assert packed(project, output).files == len(FILES)
    assert packed(project, project / "server.zip").files == len(FILES)
    assert packed(project, project / "server.zip").files == len(FILES)


def test_links_are_followed(project: Path, tmp_path: Path) -> None:
    big = write_tree(tmp_path / "store", {"w/0.bin": "zero", "w/deep/1.bin": "one", "m.pt": "m"})
    (project / "data" / "weights").symlink_to(big / "w")
    (project / "data" / "m.pt").symlink_to(big / "m.pt")
    (project / "again.py").symlink_to("src/a.py")
    result = packed(project, tmp_path / "server.mar")
    assert dict(result.links) == {"data/m.pt": big / "m.pt", "data/weights": big / "w"}
    unpack(tmp_path / "server.mar", tmp_path / "out")
    assert (tmp_path / "out/data/weights/deep/1.bin").read_text() == "one"
    assert (tmp_path / "out/again.py").read_text() == "a = 1\n"
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def circle_to_parent(project: Path) -> None:
    (project / "data" / "up").symlink_to("..")


def circle_of_itself(project: Path) -> None:
    (project / "loop").symlink_to("loop")


def broken(project: Path) -> None:
    (project / "gone").symlink_to("nowhere")


def backslash(project: Path) -> None:
    (project / "a\\b").touch()


def newline(project: Path) -> None:
    (project / "a\nb").touch()


def not_utf8(project: Path) -> None:
    Path(os.fsdecode(os.fsencode(project) + b"/\xff")).touch()


def same_when_normalised(project: Path) -> None:
    (project / "caf\u00e9").touch()
    (project / "cafe\u0301").touch()


def reserved(project: Path) -> None:
    (project / MANIFEST).touch()


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (circle_to_parent, r"data/up: the link leads around in a circle, to .*project"),
        (circle_of_itself, "loop: the link leads around in a circle"),
        (broken, "gone: the link is broken; it leads to nowhere"),
        (backslash, "the name has a backslash"),
        (newline, r"'a\\nb': the name has control characters"),
        (not_utf8, "not UTF-8"),
        (same_when_normalised, "two files have this name"),
        (reserved, "the name is the archive's own"),
    ],
)
def test_what_can_not_be_packed(project: Path, tmp_path: Path, spoil: object, text: str) -> None:
    assert callable(spoil)
    spoil(project)
    with pytest.raises(ArchiveError, match=text):
        packed(project, tmp_path / "out" / "server.mar")
    assert not any((tmp_path / "out").glob("*"))


def test_special_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind("p/s")
        with pytest.raises(ArchiveError, match="s: neither a file nor a folder"):
            packed(Path("p"), tmp_path / "server.mar")


@pytest.mark.parametrize("more", [b"", b"longer now"])
def test_a_file_that_changes_meanwhile(project: Path, tmp_path: Path, more: bytes) -> None:
    output = tmp_path / "server.mar"
    output.write_text("earlier")

    def change(what: str, done: int, total: int) -> None:
        if what == "packing":
            (project / "src" / "a.py").write_bytes(b"a = 2\n" + more)

    with pytest.raises(ArchiveError, match=r"src/a\.py: the file changed while it was packed"):
        pack(project, output, "1", change)
    assert output.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["server.mar"]


def test_too_many_files(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_ENTRIES", len(FILES))
    packed(project, tmp_path / "server.mar")
    (project / "one_more").touch()
    with pytest.raises(ArchiveError, match="has 7 files, at most 6"):
        packed(project, tmp_path / "server.mar")


@pytest.mark.parametrize(
    "path", ["a", "a/b.c", "ü/…", "x" * 255, "/".join(["y" * 203] * 5) + "zzzzz"]
)
def test_good_paths(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a//b", "a/", ".", "..", "a/../b", "./a", "a\\b", "a\0", "a\x1b[0m", "a\u2028b",
     "\ud800", "x" * 256, "/".join(["y" * 203] * 5) + "zzzzzz", MANIFEST],
)  # fmt: skip
def test_bad_paths(path: str) -> None:
    with pytest.raises(ArchiveError) as raised:
        check_path(path)
    assert str(raised.value).isprintable()


def test_file_and_folder_of_one_name() -> None:
    with pytest.raises(ArchiveError, match="'a/b': both a file and a folder"):
        check_paths(["a/b/c", "a/b"])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "MANIFEST.json: "),
        (b"[]", "Expected `object`"),
        (b'{"format": 2, "new": 1}', "archive format 2; this grpst reads format 1"),
        (b'{"format": 1}', "missing required field"),
        (b"\xff", "MANIFEST.json: "),
        (b"[" * 100_000, "MANIFEST.json: "),
        (manifest_of().replace(b'"files"', b'"other": 1, "files"'), "unknown field"),
    ],
)
def test_bad_manifests(data: bytes, text: str) -> None:
    with pytest.raises(ArchiveError, match=text):
        decode_manifest(data)
