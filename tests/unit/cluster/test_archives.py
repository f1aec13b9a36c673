"""Archives that come in chunks."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from grps.cluster import archives
from grps.cluster.archives import UNUSED_S, ArchiveFolder, chunks_of, digest_of, read_chunk
from grps.errors import ArchiveError

DATA = b"0123456789"
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_chunks_become_the_archive_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "CHUNK_BYTES", 4)
    source = tmp_path / "source"
    source.write_bytes(DATA)
    folder = ArchiveFolder(tmp_path / "kept", max_bytes=len(DATA))
    chunks = list(chunks_of(source))
    assert [(offset, len(chunk), last) for offset, chunk, last in chunks] == [
        (0, 4, False),
        (4, 4, False),
        (8, 2, True),
    ]
    assert [read_chunk(source, offset) for offset, *_ in chunks] == [one[1] for one in chunks]
    assert not folder.has(DIGEST)
    for offset, chunk, last in chunks:
        folder.receive(DIGEST, offset, chunk, last=last)
    assert folder.path_of(DIGEST).read_bytes() == DATA
    assert digest_of(folder.path_of(DIGEST)) == DIGEST


def test_a_wrong_archive_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path / "kept")
    with pytest.raises(ArchiveError, match="SHA-256"):
        folder.receive(DIGEST, 0, b"something else", last=True)
    assert list((tmp_path / "kept").iterdir()) == []
    assert not folder.has(DIGEST)


def test_one_byte_too_many_is_refused(tmp_path: Path) -> None:
    ArchiveFolder(tmp_path / "a", max_bytes=10).receive(DIGEST, 0, DATA, last=True)
    small = ArchiveFolder(tmp_path / "b", max_bytes=9)
    small.receive(DIGEST, 0, DATA[:9], last=False)
    with pytest.raises(ArchiveError, match="more than 9 bytes"):
        small.receive(DIGEST, 9, DATA[9:], last=True)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_missing_chunk_and_a_wrong_name_are_refused(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path)
    folder.receive(DIGEST, 0, DATA[:4], last=False)
    with pytest.raises(ArchiveError, match="4 was expected"):
        folder.receive(DIGEST, 8, DATA[8:], last=True)
    for name in ("../x", DIGEST.upper(), DIGEST + "0", ""):
        with pytest.raises(ArchiveError, match="not a SHA-256"):
            folder.path_of(name)


def test_archives_without_a_deployment_are_deleted_after_a_while(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path)
    for data in (b"used", b"old", b"new"):
        folder.receive(hashlib.sha256(data).hexdigest(), 0, data, last=True)
    long_ago = time.time() - UNUSED_S - 1
    for data in (b"used", b"old"):
        os.utime(folder.path_of(hashlib.sha256(data).hexdigest()), (long_ago, long_ago))
    folder.keep({hashlib.sha256(b"used").hexdigest()})
    assert [folder.has(hashlib.sha256(one).hexdigest()) for one in (b"used", b"old", b"new")] == [
        True,
        False,
        True,
    ]
