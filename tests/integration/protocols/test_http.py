"""The REST interface, by real HTTP clients."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests
import yaml

from tests.support import GUARD_S, RunningServer, wait_until

OK = {"code": 200, "msg": "OK", "status": "SUCCESS"}


def test_text_comes_back(user_server: RunningServer) -> None:
    response = user_server.post({"str_data": "héllo \U0001f600"})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json;charset=utf-8"
    assert response.json() == {"status": OK, "str_data": "héllo \U0001f600"}


def test_every_port_speaks_everything(user_server: RunningServer) -> None:
    for port in (0, 1):
        url = user_server.url("/grps/v1/health/ready", port)
        assert requests.get(url, timeout=10).json() == {"status": OK}
        with httpx.Client(http1=False, http2=True) as client:
            response = client.get(url)
        assert (response.http_version, response.json()) == ("HTTP/2", {"status": OK})


def test_curl(user_server: RunningServer) -> None:
    command = ["curl", "-sS", "--fail", "-H", "Content-Type: application/json"]
    command += ["-d", '{"str_data": "x"}', user_server.url()]
    answer = subprocess.run(command, check=True, capture_output=True, timeout=10).stdout
    assert json.loads(answer) == {"status": OK, "str_data": "x"}


def test_connections_are_kept_alive(user_server: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", user_server.ports[0], timeout=10)
    connection.connect()
    used = connection.sock
    for _ in range(3):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/grps/v1/infer/predict", b'{"str_data": "x"}', headers)
        assert connection.getresponse().read()
    assert connection.sock is used
    connection.close()


@pytest.mark.parametrize(
    "content_type", ["application/octet-stream", "Application/Octet-Stream; a=b"]
)
def test_bytes_come_back_as_bytes(user_server: RunningServer, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    body = bytes(range(256))
    response = requests.post(user_server.url(), data=body, headers=headers, timeout=10)
    assert (response.headers["Content-Type"], response.content) == (
        "application/octet-stream",
        body,
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "line 1"),
        (b"[]", "object"),
        (b'"abc"', "object"),
        (b"{}", "no data field"),
        (b'{"str_data": 5}', "str_data"),
        (b'{"ndarray": [[1, 2], [3]]}', "ragged"),
        (b'{"str_data": "\xff"}', "UTF-8"),
        (b'{"bin_data": "AAEC"}', "application/octet-stream"),
    ],
)
def test_malformed_bodies_are_400(user_server: RunningServer, body: bytes, message: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = requests.post(user_server.url(), data=body, headers=headers, timeout=10)
    status = response.json()["status"]
    assert (response.status_code, status["code"], status["status"]) == (400, 400, "FAILURE")
    assert message in status["msg"]
    assert "\n" not in status["msg"]


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        ({}, 400, "No content type in headers."),
        ({"Content-Type": "text/plain"}, 415, "Unsupported content type."),
    ],
)
def test_content_types(
    user_server: RunningServer, headers: dict[str, str], code: int, message: str
) -> None:
    response = requests.post(user_server.url(), data=b"x", headers=headers, timeout=10)
    assert (response.status_code, response.json()["status"]["code"]) == (code, code)
    assert response.json()["status"]["msg"].startswith(message)


def test_an_empty_body_is_400(user_server: RunningServer) -> None:
    headers = {"Content-Type": "application/json"}
    response = requests.post(user_server.url(), data=b"", headers=headers, timeout=10)
    assert response.json()["status"]["msg"] == "The http body is empty."
    assert response.status_code == 400


def test_unknown_models_are_404_and_list_the_known(user_server: RunningServer) -> None:
    response = user_server.post({"str_data": "x"}, "?model=nope-1.0.0")
    assert response.status_code == 404
    assert response.json()["status"]["msg"].startswith(
        "Model nope-1.0.0 not found; models: echo-1.0.0"
    )


def test_the_model_in_the_body_wins(user_server: RunningServer) -> None:
    response = user_server.post({"str_data": "x", "model": "echo"}, "?model=raiser-1.0.0")
    assert response.json() == {"status": OK, "model": "echo", "str_data": "x"}


def test_what_user_code_raises_is_one_line_with_the_request_id(user_server: RunningServer) -> None:
    headers = {"X-Request-Id": "my-id-1"}
    response = user_server.post({"str_data": "x"}, "?model=raiser", headers=headers)
    assert response.status_code == 500
    assert response.headers["X-Request-Id"] == "my-id-1"
    message = response.json()["status"]["msg"]
    assert message == "ValueError: boom from inferer (request id my-id-1)"

    def is_logged() -> bool:
        log = user_server.log()
        return "Traceback" in log and "my-id-1" in log

    wait_until(is_logged, "the traceback is in the log under the same id")


def test_what_user_code_sets_is_sent_as_it_is(user_server: RunningServer) -> None:
    response = user_server.post({"str_data": "x"}, "?model=failing")
    assert (response.status_code, response.json()["status"]["msg"]) == (500, "user error msg")


def test_request_ids_are_made(user_server: RunningServer) -> None:
    ids = {user_server.post({"str_data": "x"}).headers["X-Request-Id"] for _ in range(3)}
    assert {len(made) for made in ids} == {16}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("method", "path", "code", "allowed"),
    [
        ("GET", "/grps/v1/infer/predict", 405, "OPTIONS, POST"),
        ("PUT", "/grps/v1/infer/predict", 405, "OPTIONS, POST"),
        ("DELETE", "/grps/v1/health/live", 405, "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/grps/v1/health/live", 200, "GET, HEAD, OPTIONS, POST"),
        ("GET", "/grps/v1/health/nope", 404, None),
        ("GET", "/nope", 404, None),
    ],
)
def test_methods_and_routes(
    user_server: RunningServer, method: str, path: str, code: int, allowed: str | None
) -> None:
    response = requests.request(method, user_server.url(path), timeout=10)
    assert (response.status_code, response.headers.get("Allow")) == (code, allowed)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_offline_takes_the_service_out_of_traffic_but_serves(
    user_server: RunningServer, method: str
) -> None:
    def call(name: str) -> requests.Response:
        return requests.request(method, user_server.url(f"/grps/v1/health/{name}"), timeout=10)

    assert call("offline").json() == {"status": OK}
    ready = call("ready")
    failure = {"code": 503, "msg": "Service Unavailable", "status": "FAILURE"}
    assert (ready.status_code, ready.json()) == (503, {"status": failure})
    assert call("live").json() == {"status": OK}
    assert user_server.post({"str_data": "x"}).status_code == 200
    assert call("online").json() == {"status": OK}
    assert call("ready").status_code == 200


def test_server_metadata_is_both_files(user_server: RunningServer) -> None:
    text = requests.get(user_server.url("/grps/v1/metadata/server"), timeout=10).json()["str_data"]
    conf = user_server.folder / "conf"
    expected = "\n".join((conf / name).read_text() for name in ("inference.yml", "server.yml"))
    assert yaml.safe_load(text) == yaml.safe_load(expected)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"str_data": "nope"}, 404, "Model not found."),
        ({"str_data": ""}, 400, "The model name is empty."),
        ({}, 400, "No model name."),
        ([], 400, None),
    ],
)
def test_model_metadata_errors(
    user_server: RunningServer, body: object, code: int, message: str | None
) -> None:
    url = user_server.url("/grps/v1/metadata/model")
    response = requests.post(url, json=body, timeout=10)
    assert response.status_code == code
    assert message in (None, response.json()["status"]["msg"])


@pytest.mark.parametrize("name", ["echo", "echo-1.0.0"])
def test_model_metadata(user_server: RunningServer, name: str) -> None:
    url = user_server.url("/grps/v1/metadata/model")
    response = requests.post(url, json={"str_data": name}, timeout=10)
    assert "inferer_name: echo\n" in response.json()["str_data"]


def test_the_dashboard_is_at_the_root(user_server: RunningServer) -> None:
    response = requests.get(user_server.url("/"), timeout=10)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<title>{user_server.folder.name} – GRPS</title>" in response.text  # noqa: RUF001


def test_user_code_that_waits_runs_side_by_side(user_server: RunningServer) -> None:
    count = 16
    idle = user_server.threads()
    with ThreadPoolExecutor(count) as pool:
        calls = [
            pool.submit(user_server.post, {"str_data": "0.5"}, "?model=sleeper")
            for _ in range(count)
        ]
        most = idle
        while not all(call.done() for call in calls):
            most = max(most, user_server.threads())
            time.sleep(0.005)
    assert all(call.result().status_code == 200 for call in calls)
    assert most - idle >= count // 2


@pytest.mark.parametrize("path", ["/", "/grps/v1/monitor/metrics"])
def test_pages_are_not_shown_in_frames_of_other_sites(
    user_server: RunningServer, path: str
) -> None:
    headers = requests.get(user_server.url(path), timeout=GUARD_S).headers
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/grps/v1/health/live", "/grps/v1/admin/logs", "/grps/v1/nothing"]
)
def test_browsers_do_not_guess_content_types(user_server: RunningServer, path: str) -> None:
    headers = requests.get(user_server.url(path), timeout=GUARD_S).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    answer = user_server.post({"str_data": "<script>"}, "?streaming=true")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
