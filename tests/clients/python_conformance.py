"""What the client for Python does, checked against the conformance service.

``clients/conformance/README.md`` describes the service, the variables and the results.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, Literal

import numpy as np
import psutil

from grps.client import (
    AsyncClient,
    CallError,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    Limits,
    ModelError,
    NotFound,
    Result,
    Tls,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

Protocol = Literal["http", "grpc", "oip-http", "oip-grpc", "brpc"]
Check = Callable[[Protocol], None]
GRPS: tuple[Protocol, ...] = ("http", "grpc")
OIP: tuple[Protocol, ...] = ("oip-http", "oip-grpc")
ALL: tuple[Protocol, ...] = (*GRPS, *OIP, "brpc")
WAIT_S = 5
TEXT = "grüße, 世界"
MEBIBYTE = 1 << 20
CHECKS: list[tuple[str, tuple[Protocol, ...], Check]] = []


def check(feature: str, *protocols: Protocol) -> Callable[[Check], Check]:
    """Register a check of a feature over some protocols."""

    def register(function: Check) -> Check:
        CHECKS.append((feature, protocols, function))
        return function

    return register


def asynchronous(feature: str, *protocols: Protocol) -> Callable[[Any], Any]:
    """Register a check that is a coroutine."""

    def register(function: Any) -> Any:
        check(feature, *protocols)(lambda protocol: asyncio.run(function(protocol)))
        return function

    return register


def address(protocol: Protocol, prefix: str = "GRPS") -> str:
    """Where a protocol is served."""
    return os.environ[f"{prefix}_GRPC" if protocol.endswith("grpc") else f"{prefix}_HTTP"]


def plain(protocol: Protocol, **options: Any) -> Client:
    """A client of the instance without TLS."""
    return Client(address(protocol), protocol, timeout=20, **options)


def secure(
    protocol: Protocol, key: str | None = "GRPS_KEY", ca: str = "GRPS_CA", retries: int = 0
) -> Client:
    """A client of the instance with TLS."""
    return Client(
        address(protocol, "GRPS_TLS"),
        protocol,
        key=os.environ[key] if key else None,
        tls=Tls(ca=os.environ[ca]),
        timeout=20,
        retries=retries,
    )


@contextmanager
def fails(kind: type[CallError], code: int) -> Any:
    """Expect an error of this type and code; yield a list that gets it."""
    errors: list[CallError] = []
    try:
        yield errors
    except kind as error:
        assert error.code == code, error.code
        assert error.message
        errors.append(error)
        return
    raise AssertionError(f"no {kind.__name__}")


def state() -> dict[str, int]:
    """What the models have counted."""
    with plain("http") as client:
        return dict(json.loads(client.predict("", "state").text))


@contextmanager
def seen_by_the_model() -> Any:
    """Expect that a model sees in the block, or soon after it, that its call is cancelled."""
    before = state()["cancelled"]
    yield
    end = time.monotonic() + WAIT_S
    while state()["cancelled"] <= before:
        assert time.monotonic() < end, "the model has not seen it"
        time.sleep(0.02)


def wait_until_running() -> None:
    """Wait until a call of a model runs."""
    end = time.monotonic() + WAIT_S
    while state()["running"] == 0:
        assert time.monotonic() < end, "no call runs"
        time.sleep(0.02)


@check("text", *ALL)
def text(protocol: Protocol) -> None:
    with plain(protocol) as client:
        for given in (TEXT, "", "x" * 100_000):
            assert client.predict(given, "echo").text == given


@asynchronous("text", *ALL)
async def text_async(protocol: Protocol) -> None:
    async with AsyncClient(address(protocol), protocol) as client:
        assert (await client.predict(TEXT, "echo")).text == TEXT


@check("binary", "http", "grpc", "brpc")
def binary(protocol: Protocol) -> None:
    with plain(protocol) as client:
        for data in (b"\xff\x00\xfe", bytes(range(256)) * 1000):
            assert client.predict(data, "echo").bytes == data


def arrays() -> dict[str, np.ndarray]:
    """A tensor of each element type, of each form."""
    found: dict[str, np.ndarray] = {}
    for name in ("uint8", "int8", "int16", "int32", "int64"):
        dtype = np.dtype(name)
        found[name] = np.array([np.iinfo(dtype).min, 0, np.iinfo(dtype).max], dtype)
    for name in ("float16", "float32", "float64"):
        found[name] = np.array([0.5, -1.25, np.inf, -np.inf, np.nan], name)
    found["string"] = np.array(["a", "", TEXT, b"\xff\x00"], object)
    found["empty"] = np.empty((2, 0), np.float32)
    found["cube"] = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    return found


def assert_equal(result: Result, protocol: Protocol) -> None:
    """Compare a result with all arrays; the Open Inference Protocol renames tensors of a model."""
    got, wanted = result.tensors, arrays()
    assert len(got) == len(wanted)
    names = list(wanted) if all(name in got for name in wanted) else list(got)
    for name, expected in zip(names, wanted.values(), strict=True):
        tensor = got[name]
        assert (tensor.dtype, tensor.shape) == (expected.dtype, expected.shape), name
        if expected.dtype == object:
            assert tensor.tolist() == expected.tolist()
        else:
            np.testing.assert_array_equal(tensor, expected)


@check("tensors", *ALL)
def tensors(protocol: Protocol) -> None:
    with plain(protocol) as client:
        assert_equal(client.predict(arrays(), "echo"), protocol)
        one = client.predict(arrays()["cube"], "echo").array
        np.testing.assert_array_equal(one, arrays()["cube"])


@asynchronous("tensors", *ALL)
async def tensors_async(protocol: Protocol) -> None:
    async with AsyncClient(address(protocol), protocol) as client:
        assert_equal(await client.predict(arrays(), "echo"), protocol)


@check("ndarray", "http")
def ndarray(protocol: Protocol) -> None:
    with plain(protocol) as client:
        result = client.predict([[1, 2.5], [3, 4]], "echo", output="ndarray")
        assert result.ndarray == [[1, 2.5], [3, 4]]


@check("metadata", *GRPS, *OIP)
def metadata(protocol: Protocol) -> None:
    with plain(protocol) as client:
        assert client.is_ready()
        assert client.metadata("echo")["name"] == "echo"
    with secure(protocol) as client:
        assert not client.is_ready()


@check("stream", *GRPS)
def stream(protocol: Protocol) -> None:
    with plain(protocol) as client, client.stream("10000", "count") as pieces:
        for number, piece in enumerate(pieces):
            assert int(piece.text) == number
        assert number == 9999


@asynchronous("stream", *GRPS)
async def stream_async(protocol: Protocol) -> None:
    async with AsyncClient(address(protocol), protocol) as client:
        numbers = [int(piece.text) async for piece in client.stream("2000", "count")]
        assert numbers == list(range(2000))


@check("slow_reader", *GRPS)
def slow_reader(protocol: Protocol) -> None:
    """400 MB are streamed; gRPC's library keeps up to some 90 MB of them for a slow reader."""
    process, count = psutil.Process(), 0
    before, most = process.memory_info().rss, 0
    with plain(protocol) as client:
        for number, piece in enumerate(client.stream("400 1000000", "count")):
            assert len(piece.text) == 1_000_000
            assert int(piece.text) == number
            most = max(most, process.memory_info().rss - before)
            time.sleep(0.005)
            count += 1
    assert count == 400
    assert most < 200 * MEBIBYTE, f"the reader grew by {most >> 20} MiB"


@check("cancel_unary", *GRPS)
def cancel_unary(protocol: Protocol) -> None:
    with plain(protocol) as client, seen_by_the_model():
        call = client.submit("20000", "sleep")
        wait_until_running()
        assert call.cancel()
        with suppress(CancelledError):
            call.result()


@asynchronous("cancel_unary", *GRPS)
async def cancel_unary_async(protocol: Protocol) -> None:
    async with AsyncClient(address(protocol), protocol) as client:
        with seen_by_the_model():
            call = asyncio.create_task(client.predict("20000", "sleep"))
            await asyncio.sleep(0.2)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call


@check("cancel_stream", *GRPS)
def cancel_stream(protocol: Protocol) -> None:
    with plain(protocol) as client, seen_by_the_model(), client.stream("-1", "count") as pieces:
        assert [next(pieces).text for _ in range(3)] == ["0", "1", "2"]
    with plain(protocol) as client:
        assert client.predict(TEXT, "echo").text == TEXT


@asynchronous("cancel_stream", *GRPS)
async def cancel_stream_async(protocol: Protocol) -> None:
    async with AsyncClient(address(protocol), protocol) as client:
        with seen_by_the_model():
            async with client.stream("-1", "count") as pieces:
                assert (await anext(pieces)).text == "0"
            await asyncio.sleep(0)


@check("deadline", *ALL)
def deadline(protocol: Protocol) -> None:
    begin = time.monotonic()
    with plain(protocol) as client, seen_by_the_model(), fails(DeadlineExceeded, 504):
        client.predict("20000", "sleep", timeout=0.3)
    assert time.monotonic() - begin < WAIT_S


@check("model_error", *ALL)
def model_error(protocol: Protocol) -> None:
    with plain(protocol) as client, fails(ModelError, 500) as errors:
        client.predict("no such luck", "fail")
    assert "no such luck" in errors[0].message


@check("unknown_model", *ALL)
def unknown_model(protocol: Protocol) -> None:
    with plain(protocol) as client, fails(NotFound, 404):
        client.predict(TEXT, "nowhere")


@check("tls", *GRPS, *OIP)
def tls(protocol: Protocol) -> None:
    with secure(protocol) as client:
        assert client.predict(TEXT, "echo").text == TEXT
    with secure(protocol, ca="GRPS_WRONG_CA") as client, fails(ConnectionFailed, 0):
        client.predict(TEXT, "echo")


@check("key", *GRPS, *OIP)
def key(protocol: Protocol) -> None:
    with secure(protocol) as client:
        assert client.predict(TEXT, "echo").text == TEXT
    with secure(protocol, key=None) as client, fails(Unauthenticated, 401):
        client.predict(TEXT, "echo")


@check("too_large", *GRPS)
def too_large(protocol: Protocol) -> None:
    with plain(protocol) as client, fails(TooLarge, 413):
        client.predict(bytes(5 * MEBIBYTE), "echo")


@check("rate_limited", *GRPS)
def rate_limited(protocol: Protocol) -> None:
    with secure(protocol, key=f"GRPS_LIMITED_KEY_{protocol.upper()}") as client:
        assert client.predict(TEXT, "echo").text == TEXT
        with fails(TooManyRequests, 429) as errors:
            client.predict(TEXT, "echo")
    assert (errors[0].retry_after or 0) > 0


@check("overloaded", *GRPS)
def overloaded(protocol: Protocol) -> None:
    with plain(protocol, retries=0) as client:
        calls = [client.submit("300", "busy") for _ in range(4)]
        errors = [error for call in calls if (error := call.exception()) is not None]
    assert 0 < len(errors) < 4, errors
    for error in errors:
        assert isinstance(error, TooManyRequests), error
        assert error.retry_after == 1


@check("unavailable", *GRPS)
def unavailable(protocol: Protocol) -> None:
    with secure(protocol) as client, fails(Unavailable, 503) as errors:
        client.predict(TEXT, "absent")
    assert errors[0].retry_after == 1


@check("retry", *GRPS)
def retry(protocol: Protocol) -> None:
    words = [f"python {protocol} {os.getpid()} {number}" for number in range(2)]
    with plain(protocol) as client:
        assert client.predict(words[0], "flaky").text == words[0]
    with plain(protocol, retries=0) as client, fails(TooManyRequests, 429):
        client.predict(words[1], "flaky")
    begin = time.monotonic()
    with secure(protocol, retries=1) as client, fails(Unavailable, 503):
        client.predict(TEXT, "absent")
    assert time.monotonic() - begin >= 1, "the call was not repeated after Retry-After"


@check("concurrent", *GRPS)
def concurrent(protocol: Protocol) -> None:
    _, _, port = address(protocol).rpartition(":")
    with plain(protocol, limits=Limits(connections=8)) as client:
        words = [str(number) for number in range(200)]
        results = client.map(words, "echo", concurrency=32)
        assert [result.text for result in results] == words
        mine = psutil.Process().net_connections("tcp")
        assert len([one for one in mine if one.raddr[1:] == (int(port),)]) <= 8


def main() -> int:
    """Run all checks; append a line for each to the file of the results."""
    failed = False
    with open(os.environ["GRPS_RESULTS"], "a", encoding="utf-8") as results:
        for feature, protocols, function in CHECKS:
            for protocol in protocols:
                line: dict[str, Any] = {"feature": feature, "protocol": protocol, "passed": True}
                try:
                    function(protocol)
                except Exception as error:
                    failed = True
                    why = f"{function.__name__}: {type(error).__name__}: {error}"
                    line |= {"passed": False, "why": why}
                results.write(json.dumps(line) + "\n")
                results.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
