"""Recorded exchanges of streaming, customized HTTP, batching and graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.compat.checks import STREAMS, assert_grpc_stream, assert_http_stream
from tests.compat.differences import STREAMED_GRPC_FAILURE, STREAMED_HTTP_FAILURE
from tests.compat.replay import ask, records, serving_project
from tests.support import RunningServer

PROJECTS = ("batch", "custom_body", "custom_nobody", "dag")


def chosen(protocol: str) -> list[dict[str, Any]]:
    """The records of this module."""
    return [
        record
        for record in records(protocol)
        if "request" in record
        and (record["project"] in PROJECTS or record["id"].startswith(STREAMS))
    ]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningServer]]:
    """All projects, each on a server of its own."""
    folder = tmp_path_factory.mktemp("projects")
    with (
        serving_project("basic", folder) as basic,
        serving_project("batch", folder) as batch,
        serving_project("custom_body", folder) as custom_body,
        serving_project("custom_nobody", folder) as custom_nobody,
        serving_project("dag", folder) as dag,
    ):
        yield {
            "basic": basic,
            "batch": batch,
            "custom_body": custom_body,
            "custom_nobody": custom_nobody,
            "dag": dag,
        }


@pytest.mark.parametrize("record", chosen("http"), ids=lambda record: record["id"])
def test_http(servers: dict[str, RunningServer], record: dict[str, Any]) -> None:
    answer = ask(servers[record["project"]], record["request"])
    assert_http_stream(record, answer, STREAMED_HTTP_FAILURE)


@pytest.mark.parametrize("record", chosen("grpc"), ids=lambda record: record["id"])
def test_grpc(servers: dict[str, RunningServer], record: dict[str, Any]) -> None:
    assert_grpc_stream(servers[record["project"]], record, STREAMED_GRPC_FAILURE)


@pytest.mark.parametrize("path", ["/v2/echo", "/grps/v1/infer/predict"])
def test_the_query_does_not_stream_where_a_header_does(
    servers: dict[str, RunningServer], path: str
) -> None:
    url = servers["custom_nobody"].url(f"{path}?streaming=true&X-Stream=true")
    whole = httpx.post(url, json={"str_data": "a b"})
    assert whole.headers["Content-Type"].startswith("application/json")
    streamed = httpx.post(url, json={"str_data": "a b"}, headers={"X-Stream": "true"})
    assert streamed.headers["Content-Type"].startswith("text/event-stream")


def test_every_record_is_replayed_somewhere() -> None:
    assert len(chosen("http")) == 45
    assert len(chosen("grpc")) == 14
