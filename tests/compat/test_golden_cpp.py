"""Recorded exchanges of upstream, replayed on the same models written in C++ for upstream's API."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grps.deploy.native import PROGRAM
from tests.compat.checks import (
    PROJECT,
    STREAMS,
    assert_grpc,
    assert_grpc_stream,
    assert_http,
    assert_http_stream,
    read,
    replayed,
)
from tests.compat.conftest import BUILD_S
from tests.compat.differences import (
    GRPC_FAILURE,
    HTTP_FAILURE,
    STREAMED_GRPC_FAILURE,
    STREAMED_HTTP_FAILURE,
)
from tests.compat.replay import DATA, ask, local
from tests.support import RunningServer, serving

pytestmark = pytest.mark.timeout(BUILD_S)

NOT_IN_CPP = ("model-returns-none", "grpc-predict-nonmsg", "grpc-predict-none-ret")
"""Answers that are no messages, which code in C++ can't give."""

THROWN = (500, "[InfererException] boom from inferer (request id ")
CPP_HTTP_FAILURE = {
    **HTTP_FAILURE,
    "model-raises": THROWN,
    "model-converter-wrong-input": (500, "[ConverterException] a tensor is needed (request id "),
}
CPP_GRPC_FAILURE = {**GRPC_FAILURE, "grpc-predict-raises": THROWN}
CPP_STREAMED_HTTP_FAILURE = {**STREAMED_HTTP_FAILURE, "stream-raise-inferer": THROWN}


def in_cpp(protocol: str) -> list[Any]:
    """The records of single answers, as test parameters."""
    return [each for each in replayed(protocol) if each.id not in NOT_IN_CPP]


def streamed(protocol: str) -> list[Any]:
    """The records of streams, as test parameters."""
    chosen = [record for record in read(protocol) if record["id"].startswith(STREAMS)]
    return [pytest.param(record, id=record["id"]) for record in chosen if "request" in record]


@pytest.fixture(scope="module", params=["with Python", "without Python"])
def server(
    request: pytest.FixtureRequest, cpp_archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """The packed library with the configuration of the recorded project, on a server of its own."""
    folder = tmp_path_factory.mktemp("recorded")
    with zipfile.ZipFile(cpp_archive) as archive:
        archive.extractall(folder)
    for name in ("inference.yml", "server.yml"):
        recorded = DATA / "projects" / PROJECT / "conf" / name
        (folder / "conf" / name).write_text(recorded.read_text())
    local(folder)
    with serving(folder, PROGRAM if request.param == "without Python" else None) as running:
        yield running


def test_what_is_replayed() -> None:
    assert [len(in_cpp(protocol)) for protocol in ("http", "grpc")] == [85, 32]
    assert [len(streamed(protocol)) for protocol in ("http", "grpc")] == [11, 9]


@pytest.mark.parametrize("record", in_cpp("http"))
def test_http(server: RunningServer, record: dict[str, Any]) -> None:
    assert_http(record, ask(server, record["request"]), CPP_HTTP_FAILURE)


@pytest.mark.parametrize("record", in_cpp("grpc"))
def test_grpc(server: RunningServer, record: dict[str, Any]) -> None:
    assert_grpc(server, record, CPP_GRPC_FAILURE)


@pytest.mark.parametrize("record", streamed("http"))
def test_http_streams(server: RunningServer, record: dict[str, Any]) -> None:
    assert_http_stream(record, ask(server, record["request"]), CPP_STREAMED_HTTP_FAILURE)


@pytest.mark.parametrize("record", streamed("grpc"))
def test_grpc_streams(server: RunningServer, record: dict[str, Any]) -> None:
    assert_grpc_stream(server, record, STREAMED_GRPC_FAILURE)
