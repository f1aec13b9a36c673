"""The service that clients are tested with does what its README says, without any client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.support import wait_until
from tools.conformance.service import ConformanceService

PREDICT = "/grps/v1/infer/predict"
TOO_LARGE = 4 * 1024 * 1024 + 1


@pytest.fixture(scope="module")
def variables(service: ConformanceService) -> dict[str, str]:
    return service.variables()


@pytest.fixture
def stub(variables: dict[str, str]) -> Iterator[Any]:
    with grpc.insecure_channel(variables["GRPS_GRPC"]) as channel:
        yield GrpsServiceStub(channel)


@pytest.fixture
def secure_stub(variables: dict[str, str]) -> Iterator[Any]:
    with open(variables["GRPS_CA"], "rb") as authority:
        credentials = grpc.ssl_channel_credentials(authority.read())
    with grpc.secure_channel(variables["GRPS_TLS_GRPC"], credentials) as channel:
        yield GrpsServiceStub(channel)


def ask(variables: dict[str, str], model: str, text: str, **options: Any) -> requests.Response:
    url = f"http://{variables['GRPS_HTTP']}{PREDICT}"
    body = {"model": model, "str_data": text}
    return requests.post(url, json=body, **{"timeout": 30, **options})


def ask_securely(variables: dict[str, str], key: str = "", model: str = "echo") -> Any:
    url = f"https://{variables['GRPS_TLS_HTTP']}{PREDICT}"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"model": model, "str_data": "a"}
    return requests.post(url, json=body, headers=headers, verify=variables["GRPS_CA"], timeout=30)


def error_of(call: Callable[[], Any]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def cancelled(variables: dict[str, str]) -> int:
    state = json.loads(ask(variables, "state", "").json()["str_data"])
    return int(state["cancelled"])


def wait_for_one_more(variables: dict[str, str], before: int) -> None:
    wait_until(lambda: cancelled(variables) == before + 1, "the model sees the cancellation")


def test_failures_and_sizes_over_http(variables: dict[str, str]) -> None:
    assert ask(variables, "echo", "hello").json()["str_data"] == "hello"
    failed = ask(variables, "fail", "what went wrong")
    assert failed.status_code == 500
    assert "what went wrong" in failed.json()["status"]["msg"]
    assert ask(variables, "unknown", "").status_code == 404
    assert ask(variables, "echo", "x" * TOO_LARGE).status_code == 413


def test_failures_and_sizes_over_grpc(stub: Any) -> None:
    assert stub.Predict(GrpsMessage(bin_data=b"\0\xff")).bin_data == b"\0\xff"
    failed = stub.Predict(GrpsMessage(model="fail", str_data="what went wrong"))
    assert failed.status.code == 500
    assert "what went wrong" in failed.status.msg
    assert stub.Predict(GrpsMessage(model="unknown")).status.code == 404
    large = GrpsMessage(str_data="x" * TOO_LARGE)
    assert error_of(lambda: stub.Predict(large)).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_busy_model_refuses_what_can_not_wait(variables: dict[str, str], stub: Any) -> None:
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: ask(variables, "busy", "500"), range(4)))
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    calls = [stub.Predict.future(GrpsMessage(model="busy", str_data="500")) for _ in range(4)]
    errors = [call.exception() for call in calls if call.exception() is not None]
    assert {error.code() for error in errors} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    metadata = [dict(error.trailing_metadata()) for error in errors]
    assert {entry["grpc-retry-pushback-ms"] for entry in metadata} == {"1000"}


def test_a_flaky_model_answers_the_second_call(variables: dict[str, str], stub: Any) -> None:
    codes = [ask(variables, "flaky", "http").status_code for _ in range(2)]
    assert codes == [429, 200]
    message = GrpsMessage(model="flaky", str_data="grpc")
    statuses = [stub.Predict(message).status for _ in range(2)]
    assert [status.code for status in statuses] == [429, 200]
    assert statuses[0].status == Status.FAILURE


def test_the_model_sees_cancelled_calls_over_http(variables: dict[str, str]) -> None:
    before = cancelled(variables)
    with pytest.raises(requests.Timeout):
        ask(variables, "sleep", "60000", timeout=0.2)
    wait_for_one_more(variables, before)
    late = ask(variables, "sleep", "60000", headers={"X-Request-Timeout-Ms": "100"})
    assert late.status_code == 504
    wait_for_one_more(variables, before + 1)
    url = f"http://{variables['GRPS_HTTP']}{PREDICT}?streaming=true"
    with requests.Session() as session:
        body = {"model": "count", "str_data": "-1 1000"}
        with session.post(url, json=body, stream=True, timeout=30) as stream:
            assert next(stream.iter_content(64))
    wait_for_one_more(variables, before + 2)


def test_the_model_sees_cancelled_calls_over_grpc(variables: dict[str, str], stub: Any) -> None:
    before = cancelled(variables)
    call = stub.Predict.future(GrpsMessage(model="sleep", str_data="60000"))
    running = '{"running": 1'
    wait_until(lambda: ask(variables, "state", "").json()["str_data"].startswith(running), "runs")
    call.cancel()
    wait_for_one_more(variables, before)
    stream = stub.PredictStreaming(GrpsMessage(model="count", str_data="-1 1000"))
    assert next(stream).str_data.rstrip() == "0"
    stream.cancel()
    wait_for_one_more(variables, before + 1)


def test_ten_thousand_pieces_are_in_order(stub: Any) -> None:
    pieces = stub.PredictStreaming(GrpsMessage(model="count", str_data="10000"))
    assert [piece.str_data for piece in pieces] == [str(number) for number in range(10000)]


def test_keys_over_http(variables: dict[str, str]) -> None:
    good, limited = variables["GRPS_KEY"], variables["GRPS_LIMITED_KEY_HTTP"]
    answers = [ask_securely(variables, key) for key in (good, "", limited, limited)]
    assert [answer.status_code for answer in answers] == [200, 401, 200, 429]
    assert answers[-1].headers["Retry-After"] == "1000"
    absent = ask_securely(variables, good, "absent")
    assert (absent.status_code, absent.headers["Retry-After"]) == (503, "1")
    with pytest.raises(requests.exceptions.SSLError):
        ask_securely({**variables, "GRPS_CA": variables["GRPS_WRONG_CA"]}, good)


def test_keys_over_grpc(variables: dict[str, str], secure_stub: Any) -> None:
    good, limited = variables["GRPS_KEY"], variables["GRPS_LIMITED_KEY_GRPC"]

    def call(key: str, model: str = "echo") -> Any:
        metadata = [("authorization", f"Bearer {key}")] if key else []
        return secure_stub.Predict(GrpsMessage(model=model, str_data="a"), metadata=metadata)

    assert call(good).str_data == "a"
    assert error_of(lambda: call("")).code() == grpc.StatusCode.UNAUTHENTICATED
    assert call(limited).str_data == "a"
    assert error_of(lambda: call(limited)).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    absent = error_of(lambda: call(good, "absent"))
    assert absent.code() == grpc.StatusCode.UNAVAILABLE
    assert dict(absent.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
