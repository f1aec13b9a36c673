"""Streams that clients can split: newline-delimited JSON and server-sent events."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

TEXTS = ["a\n\nb", "é }{ data: x\r\n", ""]
CODE = """
from grps import ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Pieces(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        if inp.str_data == "early":
            raise ValueError("early")
        for text in TEXTS:
            context.stream_respond(GrpsMessage(str_data=text))
        context.stream_respond(GrpsMessage(bin_data=b"one\\ntwo\\n\\n"))
        if inp.str_data == "late":
            raise ValueError("late\\nfailure")


class Large(Pieces):
    def infer(self, inp, context):
        return GrpsMessage(bin_data=bytes(5 << 20))


inferer_register.register("pieces", Pieces())
inferer_register.register("large", Large())
""".replace("TEXTS", repr(TEXTS))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("forms")
    custom = {"path": "/own", "streaming_ctrl": {"ctrl_key": "stream", "res_content_type": "a/b"}}
    interface = {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0"}
    settings = {"interface": {**interface, "customized_predict_http": custom}}
    models = [user_model("pieces"), user_model("large")]
    write_user_project(folder, models, settings, dag=["pieces-1.0.0"], code=CODE)
    with serving(folder) as running:
        yield running


def stream(server: RunningServer, accept: str | None, text: str = "") -> requests.Response:
    headers = {} if accept is None else {"Accept": accept}
    return requests.post(
        server.url("/own?stream=true&streaming=true"),
        json={"str_data": text},
        headers=headers,
        timeout=GUARD_S,
    )


def lines_of(answer: requests.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.iter_lines()]


def events_of(answer: requests.Response) -> list[dict[str, Any]]:
    *events, rest = answer.text.split("\n\n")
    assert rest == ""
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    return [json.loads(event.removeprefix("data: ")) for event in events]


FORMS: list[tuple[str, str, Callable[[requests.Response], list[dict[str, Any]]]]] = [
    ("application/x-ndjson", "application/x-ndjson", lines_of),
    ("application/x-ndjson, */*;q=0.1", "application/x-ndjson", lines_of),
    ("text/event-stream", "text/event-stream; charset=utf-8", events_of),
]


@pytest.mark.parametrize(("accept", "content_type", "read"), FORMS)
def test_a_client_can_split_a_stream(
    server: RunningServer,
    accept: str,
    content_type: str,
    read: Callable[[requests.Response], list[dict[str, Any]]],
) -> None:
    answer = stream(server, accept)
    answer.encoding = "utf-8"
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    *texts, binary = read(answer)
    assert [message["str_data"] for message in texts] == TEXTS
    assert b64decode(binary["bin_data"]) == b"one\ntwo\n\n"


@pytest.mark.parametrize(("accept", "content_type", "read"), FORMS)
def test_errors_have_the_form_of_the_stream(
    server: RunningServer,
    accept: str,
    content_type: str,
    read: Callable[[requests.Response], list[dict[str, Any]]],
) -> None:
    answer = stream(server, accept, "late")
    answer.encoding = "utf-8"
    assert answer.headers["Content-Type"] == content_type
    messages = read(answer)
    assert [message["status"]["status"] for message in messages] == ["SUCCESS"] * 4 + ["FAILURE"]
    assert "late failure" in messages[-1]["status"]["msg"]
    early = stream(server, accept, "early")
    assert (early.status_code, early.json()["status"]["code"]) == (500, 500)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/event-stream;q=0"])
def test_upstreams_form_is_the_default(server: RunningServer, accept: str | None) -> None:
    answer = stream(server, accept)
    assert answer.headers["Content-Type"] == "a/b"
    assert answer.content.endswith(b"}one\ntwo\n\n")
    assert answer.content.count(b"SUCCESS") == 3


def test_a_large_grpc_response_is_explained_in_the_log(server: RunningServer) -> None:
    request = GrpsMessage(model="large", str_data="x")
    with server.stub() as stub, pytest.raises(grpc.RpcError) as refused:
        stub.Predict(request, timeout=GUARD_S)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    wait_until(lambda: "grpc.max_receive_message_length" in server.log(), "the warning")
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.ports[0]}", options=options) as channel:
        answer = GrpsServiceStub(channel).Predict(request, timeout=GUARD_S)
    assert len(answer.bin_data) == 5 << 20
    assert server.whole_log().count("grpc.max_receive_message_length") == 1
