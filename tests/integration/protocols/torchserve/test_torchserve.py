"""The HTTP API of TorchServe, and handlers of model archives behind it."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import GUARD_S, RunningServer, wait_until


def ask(server: RunningServer, case: str, **options: Any) -> requests.Response:
    url = server.url(f"/predictions/cases?case={case}")
    return requests.post(url, timeout=GUARD_S, **options)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_eager_model(
    server: RunningServer, expected: tuple[Path, list[float]], method: str
) -> None:
    for path in ("eager", "eager/1.0"):
        url = server.url(f"/predictions/{path}")
        for sent in ({"json": [1, 2, 3]}, {"data": b"[1, 2, 3]"}, {"files": {"data": b"[1,2,3]"}}):
            response = requests.request(method, url, timeout=GUARD_S, **sent)
            assert response.status_code == 200, response.text
            assert response.headers["content-type"] == "application/json"
            assert response.json() == pytest.approx(expected[1])


def test_a_scripted_model_with_a_function(
    server: RunningServer, expected: tuple[Path, list[float]]
) -> None:
    url = server.url("/predictions/scripted")
    response = requests.post(url, json=[1.0, 2.0, 3.0], timeout=GUARD_S)
    assert response.json()["scores"] == pytest.approx(expected[1])


@pytest.mark.parametrize("path", ["eager", "eager/1.0"])
def test_explanations_are_the_handlers(server: RunningServer, path: str) -> None:
    url = server.url(f"/explanations/{path}")
    sent = requests.post(f"{url}?target=1", json=[1, 2, 3], timeout=GUARD_S)
    assert sent.json() == {"rows": [[1, 2, 3]], "target": 1}, sent.text
    # A header of the client does not turn a prediction away from what its route says.
    headers = {"Explain": "False"}
    asked = requests.post(url, json=[1, 2, 3], headers=headers, timeout=GUARD_S)
    assert asked.json() == {"rows": [[1, 2, 3]], "target": 0}


def test_what_a_handler_gets(server: RunningServer) -> None:
    headers = {"x-own": "yes", "x-request-id": "abc"}
    files = {"file": ("a.bin", b"\x89\r\n"), "object": (None, b'{"a": 1}', "application/json")}
    described = ask(server, "describe&q=1", files=files, headers=headers).json()
    assert described["values"] == {
        "case": ["bytearray", base64.b64encode(b"describe").decode()],
        "q": ["bytearray", "MQ=="],
        "file": ["bytearray", "iQ0K"],
        "object": ["dict", {"a": 1}],
    }
    assert (described["header"], described["id"]) == ("yes", "abc")


def test_answers_have_the_type_and_status_of_the_handler(server: RunningServer) -> None:
    text = ask(server, "text")
    assert (text.headers["content-type"], text.text) == ("text/plain; charset=utf-8", "h\u00e9")
    image = ask(server, "bytes")
    assert (image.headers["content-type"], image.content) == ("image/png", b"\x89PNG")
    status = ask(server, "status")
    assert (status.status_code, status.headers["x-answer"]) == (404, "yes")
    assert status.json() == {"reason": "none"}


@pytest.mark.parametrize(
    ("case", "code", "message"),
    [
        ("fail", 513, "refused by the handler"),
        ("memory", 507, "Out of resources"),
        ("raise", 500, "ValueError: broken"),
        ("wrong", 500, "the handler returned a set"),
    ],
)
def test_failures(server: RunningServer, case: str, code: int, message: str) -> None:
    response = ask(server, case)
    error = response.json()
    assert (response.status_code, error["code"]) == (code, code)
    assert error["type"] == "InternalServerException"
    assert error["message"].startswith(message)


def test_a_malformed_form_is_the_clients_fault(server: RunningServer) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = ask(server, "", data=b"--x\r\n", headers=headers)
    assert (response.status_code, response.json()["type"]) == (400, "BadRequestException")


def test_pieces_leave_as_chunks(server: RunningServer) -> None:
    response = ask(server, "pieces", stream=True)
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.content == b"abc"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_requests_that_wait_share_a_batch(server: RunningServer) -> None:
    def pending() -> int:
        (model,) = requests.get(server.url("/models/cases"), timeout=GUARD_S).json()
        return int(model["jobQueueStatus"]["pendingRequests"])

    with ThreadPoolExecutor(7) as pool:
        first = pool.submit(ask, server, "wait")
        wait_until((server.folder / "started").exists, "the handler waits")
        rest = [pool.submit(ask, server, "") for _ in range(6)]
        try:
            wait_until(lambda: pending() == 6, "the other requests wait")
        finally:
            server.release()
        assert first.result().json() == {"batch": 1}
        assert sorted(one.result().json()["batch"] for one in rest) == [2, 2, 4, 4, 4, 4]


def test_health_and_models(server: RunningServer) -> None:
    assert requests.get(server.url("/ping"), timeout=GUARD_S).json() == {"status": "Healthy"}
    page = requests.get(server.url("/models?limit=3"), timeout=GUARD_S).json()
    assert [model["modelName"] for model in page["models"]] == ["cases", "eager", "echo"]
    rest = server.url(f"/models?next_page_token={page['nextPageToken']}")
    last = {"modelName": "scripted", "modelUrl": "scripted-1.0"}
    assert requests.get(rest, timeout=GUARD_S).json() == {"models": [last]}
    for path in ("eager", "eager/1.0", "eager/all"):
        (model,) = requests.get(server.url(f"/models/{path}"), timeout=GUARD_S).json()
        assert (model["modelVersion"], model["batchSize"], model["minWorkers"]) == ("1.0", 4, 1)
        assert [worker["status"] for worker in model["workers"]] == ["READY"]


@pytest.mark.parametrize(
    ("method", "path", "code", "kind"),
    [
        ("POST", "/predictions/none", 404, "ModelNotFoundException"),
        ("POST", "/predictions/eager/2.0", 404, "ModelNotFoundException"),
        ("GET", "/models/none", 404, "ModelNotFoundException"),
        ("GET", "/models/eager/2.0", 404, "ModelNotFoundException"),
        ("GET", "/models?limit=x", 400, "BadRequestException"),
        ("POST", "/models?url=x.mar", 405, "MethodNotAllowedException"),
        ("PUT", "/models/eager?min_worker=2", 405, "MethodNotAllowedException"),
        ("DELETE", "/models/eager/1.0", 405, "MethodNotAllowedException"),
        ("GET", "/predictions/eager", 405, "MethodNotAllowedException"),
        ("POST", "/explanations/none", 404, "ModelNotFoundException"),
        ("POST", "/explanations/echo", 501, "MethodNotAllowedException"),
        ("GET", "/explanations/eager", 405, "MethodNotAllowedException"),
        ("POST", "/v1/models/eager:predict", 404, "ResourceNotFoundException"),
        ("POST", "/wfpredict/flow", 404, "ResourceNotFoundException"),
        ("GET", "/workflows", 404, "ResourceNotFoundException"),
    ],
)
def test_what_is_not_served(
    server: RunningServer, method: str, path: str, code: int, kind: str
) -> None:
    response = requests.request(method, server.url(path), timeout=GUARD_S)
    error = response.json()
    assert (response.status_code, error["code"], error["type"]) == (code, code, kind)
    assert error["message"]


def test_other_models_read_the_body_as_predict_does(server: RunningServer) -> None:
    url = server.url("/predictions/echo")
    answer = requests.post(url, json={"str_data": "a"}, timeout=GUARD_S).json()
    assert answer["str_data"] == "a"
    binary = {"content-type": "application/octet-stream"}
    sent = requests.post(url, data=b"\xff", headers=binary, timeout=GUARD_S)
    assert sent.content == b"\xff"
    malformed = requests.post(url, data=b"{", headers={"content-type": "application/json"}).json()
    assert (malformed["code"], malformed["type"]) == (400, "BadRequestException")


def test_handlers_answer_other_protocols(server: RunningServer) -> None:
    query = "?model=eager-1.0"
    answer = server.post({"str_data": "[1, 2, 3]"}, query).json()
    assert len(json.loads(answer["str_data"])) == 2
    with server.stub() as stub:
        request = GrpsMessage(model="cases-1.0", str_data="x")
        assert json.loads(stub.Predict(request, timeout=GUARD_S).str_data) == {"batch": 1}
        request.gmap.s_b["case"] = b"pieces"
        pieces = stub.PredictStreaming(request, timeout=GUARD_S)
        assert [piece.str_data for piece in pieces] == ["a", "b", "c"]
        request.gmap.s_b["case"] = b"fail"
        failed = stub.Predict(request, timeout=GUARD_S)
        assert failed.status.msg.startswith("refused by the handler")
    array = server.post({"ndarray": [[1, 2, 3]]}, query).json()
    assert "it does not take tensors" in array["status"]["msg"]


def test_the_routes_are_off_by_default(user_server: RunningServer) -> None:
    for path in ("/ping", "/models", "/predictions/echo"):
        response = requests.get(user_server.url(path), timeout=GUARD_S)
        assert response.status_code == 404
        assert "set torchserve.enabled: true" in response.json()["status"]["msg"]
