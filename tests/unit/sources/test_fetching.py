"""From a URI to a model in the cache, by HTTP: what is fetched, what is not, what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from grps.errors import SourceError, SourceUnavailableError
from grps.sources import Cache, Fetched
from grps.sources import download as downloads
from tests.support import REPOSITORY
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host

MODEL = os.urandom(3 << 20)
SHA256 = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def model(host: Host) -> str:
    host.files["/a/model.onnx"] = MODEL
    return f"{host.url}/a/model.onnx"


def cached_parts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.grps-part")]


def test_a_second_fetch_asks_whether_it_has_changed_and_fetches_nothing(
    host: Host, model: str, sources: Make
) -> None:
    first = sources().fetch(model)
    assert (first.path.name, first.path.read_bytes()) == ("model.onnx", MODEL)
    assert (first.fetched_bytes, host.body_bytes) == (len(MODEL), len(MODEL))
    second = sources().fetch(model)
    assert (second.path, second.fetched_bytes, host.body_bytes) == (first.path, 0, len(MODEL))
    assert host.requests("HEAD", "/a/model.onnx") == 2
    assert host.requests("GET", "/a/model.onnx") == 1


def test_a_model_with_a_digest_is_not_even_asked_for_again(
    host: Host, model: str, sources: Make
) -> None:
    first = sources().fetch(f"{model}#sha256={SHA256}")
    asked = len(host.seen)
    assert sources().fetch(f"{model}#sha256={SHA256}").path == first.path
    assert len(host.seen) == asked


def test_a_changed_file_is_fetched_and_the_former_one_stays(
    host: Host, model: str, sources: Make
) -> None:
    before = sources().fetch(model)
    host.files["/a/model.onnx"] = b"another"
    after = sources().fetch(model)
    assert (before.path.read_bytes(), after.path.read_bytes()) == (MODEL, b"another")
    assert before.digest != after.digest


def test_a_file_without_validators_is_fetched_each_time(
    host: Host, model: str, sources: Make
) -> None:
    host.has_validators = False
    sources().fetch(model)
    assert sources().fetch(model).fetched_bytes == len(MODEL)


def test_a_cut_connection_is_resumed_where_it_was_cut(
    host: Host, model: str, sources: Make
) -> None:
    host.cuts["/a/model.onnx"] = [1 << 20, 100, 0, 5]
    fetched = sources().fetch(model)
    assert fetched.path.read_bytes() == MODEL
    assert fetched.fetched_bytes == len(MODEL) == host.body_bytes
    ranges = [seen[2].get("range") for seen in host.seen if seen[0] == "GET"]
    assert ranges[1] == f"bytes={1 << 20}-"
    assert [seen[2].get("if-range") for seen in host.seen][2] == host.etag("/a/model.onnx")


def test_another_process_goes_on_where_one_was_given_up(
    host: Host, model: str, sources: Make, tmp_path: Path
) -> None:
    host.cuts["/a/model.onnx"] = [2 << 20] + [0] * downloads.TRIES
    with pytest.raises(SourceUnavailableError, match=r"given up after 5 tries"):
        sources().fetch(model)
    (part,) = cached_parts(tmp_path)
    assert part.stat().st_size == 2 << 20
    assert not list((tmp_path / "cache" / "models").glob("*/*"))
    assert sources().fetch(model).fetched_bytes == len(MODEL) - (2 << 20)


def test_a_download_that_gets_no_further_is_given_up(host: Host, model: str, sources: Make) -> None:
    # Without a validator each try begins again at 0, and ends at the same place.
    host.has_validators = False
    host.cuts["/a/model.onnx"] = [1000] * 100
    with pytest.raises(SourceUnavailableError, match=r"given up after 5 tries"):
        sources().fetch(model)
    assert host.requests("GET", "/a/model.onnx") <= downloads.TRIES + 1


def test_a_part_of_another_content_is_not_gone_on_with(
    host: Host, model: str, sources: Make, tmp_path: Path
) -> None:
    host.cuts["/a/model.onnx"] = [2 << 20] + [0] * downloads.TRIES
    with pytest.raises(SourceUnavailableError):
        sources().fetch(model)
    host.files["/a/model.onnx"] = MODEL[::-1]
    assert sources().fetch(model).path.read_bytes() == MODEL[::-1]
    assert not cached_parts(tmp_path)


def test_a_file_that_changes_while_it_is_fetched_is_looked_up_again(
    host: Host, model: str, sources: Make
) -> None:
    def change(path: str) -> None:
        host.before_body = lambda path: None
        host.files[path] = b"another" * 1000

    host.before_body = change
    # The response still has the bytes of the moment before; the next one has others.
    host.cuts["/a/model.onnx"] = [10]
    assert sources().fetch(model).path.read_bytes() == b"another" * 1000


def test_a_damaged_part_is_fetched_anew_where_the_digest_is_known(
    host: Host, model: str, sources: Make, tmp_path: Path
) -> None:
    host.cuts["/a/model.onnx"] = [2 << 20] + [0] * downloads.TRIES
    with pytest.raises(SourceUnavailableError):
        sources().fetch(f"{model}#sha256={SHA256}")
    (part,) = cached_parts(tmp_path)
    part.write_bytes(bytes(2 << 20))
    assert sources().fetch(f"{model}#sha256={SHA256}").path.read_bytes() == MODEL


def test_a_wrong_digest_is_refused_and_nothing_is_kept(
    host: Host, model: str, sources: Make, tmp_path: Path
) -> None:
    wrong = "0" * 64
    with pytest.raises(SourceError, match=f"its sha256 digest is {SHA256}, not {wrong}"):
        sources().fetch(f"{model}#sha256={wrong}")
    assert not [path for path in (tmp_path / "cache").rglob("*model.onnx*") if path.is_file()]


@pytest.mark.parametrize("announced", [True, False])
def test_the_size_limit_holds_at_it_and_one_past(
    host: Host, model: str, sources: Make, announced: bool, tmp_path: Path
) -> None:
    host.announces = announced
    assert sources(max_bytes=len(MODEL)).fetch(model).fetched_bytes == len(MODEL)
    host.files["/a/model.onnx"] = MODEL + b"x"
    with pytest.raises(SourceError, match=r"sources\.max_bytes"):
        sources(max_bytes=len(MODEL)).fetch(model)
    assert not cached_parts(tmp_path)


def test_a_host_that_can_not_be_reached_is_warned_of_and_the_copy_served(
    host: Host, model: str, sources: Make, lines: list[str]
) -> None:
    first = sources().fetch(model)
    host.guard = lambda path, headers: (503, {})
    assert sources().fetch(model).path == first.path
    assert "status 503; the copy of" in lines[-1]
    host.guard = lambda path, headers: (404, {})
    with pytest.raises(SourceError, match="status 404: there is nothing"):
        sources().fetch(model)


def test_without_a_copy_the_failure_is_the_answer(host: Host, sources: Make) -> None:
    host.guard = lambda path, headers: (503, {})
    with pytest.raises(SourceUnavailableError, match="status 503"):
        sources().fetch(f"{host.url}/model.onnx")


FETCH = """
import sys
from pathlib import Path
from grps.sources import Settings, Sources
print(Sources(Settings(cache=Path(sys.argv[1]))).fetch(sys.argv[2]).fetched_bytes)
"""


def test_processes_that_start_together_fetch_once(host: Host, model: str, tmp_path: Path) -> None:
    both_run = threading.Barrier(2)

    def wait(path: str) -> None:
        both_run.wait(60)

    host.before_body = wait
    command = [sys.executable, "-c", FETCH, str(tmp_path / "cache"), model]
    ran = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        for _ in range(3)
    ]
    both_run.wait(60)  # one of them fetches, and the others have begun or wait
    counts = sorted(int(process.communicate(timeout=60)[0]) for process in ran)
    assert counts == [0, 0, len(MODEL)]
    assert host.body_bytes == len(MODEL)


def test_what_was_used_longest_ago_is_removed_first_and_what_is_used_stays(
    host: Host, sources: Make, tmp_path: Path
) -> None:
    kept: dict[str, Fetched] = {}
    for name in ("one", "two", "three"):
        host.files[f"/{name}.onnx"] = name.encode() * 100
    size = {name: 100 * len(name) for name in ("one", "two", "three")}
    fits_two = sources(max_cache_bytes=size["one"] + size["two"])
    kept["one"] = fits_two.fetch(f"{host.url}/one.onnx")
    two = fits_two.fetch(f"{host.url}/two.onnx")
    two.lease.release()
    cache = Cache(tmp_path / "cache")
    for order, digest in enumerate([kept["one"].digest, two.digest]):
        os.utime(tmp_path / "cache" / "models" / f"{digest}.use", (order, order))
    assert [model.in_use for model in cache.models()] == [False, True]
    three = fits_two.fetch(f"{host.url}/three.onnx")
    assert (kept["one"].path.exists(), two.path.exists(), three.path.exists()) == (
        True, False, True,
    )  # fmt: skip
    kept["one"].lease.release()
    assert cache.evict(size["three"]) != []
    assert (kept["one"].path.exists(), three.path.exists()) == (False, True)
    assert cache.evict(0) == []
    three.lease.release()
    assert [model.digest for model in cache.evict(0)] == [three.digest]


def test_a_removed_model_is_fetched_again(host: Host, model: str, sources: Make) -> None:
    first = sources().fetch(model)
    first.lease.release()
    Cache(first.path.parents[2]).evict(0)
    assert sources().fetch(model).fetched_bytes == len(MODEL)


def test_progress_reaches_the_size_of_the_model(host: Host, model: str, sources: Make) -> None:
    shown: list[tuple[str, int, int]] = []
    sources(on_bytes=lambda *one: shown.append(one)).fetch(model)
    assert shown[-1] == ("fetching model.onnx", len(MODEL), len(MODEL))
    assert [one[1] for one in shown] == sorted(one[1] for one in shown)
