"""The client without a service: settings, imports, and addresses where nobody listens."""

from __future__ import annotations

import asyncio
import io
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from grps.client import AsyncClient, Client, ConnectionFailed, Result, Retry, Tls, Unsupported
from grps.client.call import headers_of, split_version
from grps.client.errors import Cancelled, DeadlineExceeded, InvalidRequest, TooLarge
from grps.client.mapping import map_async, map_futures
from grps.client.messages.content import Text
from grps.client.settings import PROTOCOLS, read_address
from grps.client.transports.lines import Lines
from grps.errors import MissingExtraError


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where connections are accepted and nothing is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_import_loads_no_protocol() -> None:
    names = ("httpx", "grpc", "google.protobuf", "yaml", "rich", "torch")
    code = f"import sys, grps.client; print([n for n in {names} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "[]\n"


def test_grpcio_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(MissingExtraError, match=r"grpcio .* pip install 'grpst\[client\]'"):
        Client("127.0.0.1:1", "grpc")


@pytest.mark.parametrize(
    ("given", "address", "is_secure"),
    [
        ("a:1", "a:1", False),
        ("http://a:1/", "a:1", False),
        ("https://a:1", "a:1", True),
        ("grpcs://[::1]:1", "[::1]:1", True),
    ],
)
def test_addresses(given: str, address: str, is_secure: bool) -> None:
    assert read_address(given, None) == (address, Tls() if is_secure else None)


@pytest.mark.parametrize("given", ["a", ":1", "ftp://a:1", "a:b", "http://a"])
def test_other_addresses_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Client(given)


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ValueError, match="use http, grpc, oip-http, oip-grpc or brpc"):
        Client("a:1", "soap")  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_connection_is_a_refusal(protocol: Any, nobody: str) -> None:
    with Client(nobody, protocol, retries=0) as client:
        with pytest.raises(ConnectionFailed) as raised:
            client.predict("a", "m")
        assert raised.value.is_refused

    async def call() -> None:
        async with AsyncClient(nobody, protocol, retries=0) as client:
            await client.predict("a", "m")

    with pytest.raises(ConnectionFailed) as raised:
        asyncio.run(call())
    assert raised.value.is_refused


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_that_does_not_answer_costs_the_timeout(protocol: Any, silent: str) -> None:
    begin = time.monotonic()
    with Client(silent, protocol, retries=0) as client, pytest.raises(DeadlineExceeded):
        client.predict("a", "m", timeout=0.2)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("protocol", ["http", "brpc"])
def test_a_lost_connection_is_not_repeated(protocol: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted = []

        def drop() -> None:
            connection, _ = listener.accept()
            accepted.append(connection.recv(1 << 16))
            connection.close()

        thread = threading.Thread(target=drop)
        thread.start()
        with (
            Client(f"127.0.0.1:{listener.getsockname()[1]}", protocol) as client,
            pytest.raises(ConnectionFailed) as raised,
        ):
            client.predict("a", "m", timeout=5)
        thread.join()
    assert not raised.value.is_refused
    assert len(accepted) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_closed_client_makes_no_calls(protocol: Any, nobody: str) -> None:
    client = Client(nobody, protocol)
    client.close()
    with pytest.raises(Cancelled):
        client.predict("a", "m")
    with pytest.raises(Cancelled):
        client.submit("a", "m")


@pytest.mark.parametrize("protocol", ["oip-http", "oip-grpc", "brpc"])
def test_protocols_without_streams_say_so(protocol: Any, nobody: str) -> None:
    with Client(nobody, protocol) as client, pytest.raises(Unsupported, match="use http or grpc"):
        next(client.stream("a", "m"))


def test_only_versions_are_split_from_names() -> None:
    assert split_version("echo-1.0.0") == ("echo", "1.0.0")
    assert split_version("resnet-50") == ("resnet-50", "")
    assert split_version("plain") == ("plain", "")


def test_the_span_of_opentelemetry_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SimpleNamespace(is_valid=True, trace_id=10, span_id=11, trace_flags=1)
    module = ModuleType("opentelemetry.trace")
    span = SimpleNamespace(get_span_context=lambda: context)
    module.get_current_span = lambda: span  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    assert headers_of(None) == (("traceparent", f"00-{10:032x}-{11:016x}-01"),)
    assert headers_of({"Traceparent": "00-own"}) == (("traceparent", "00-own"),)


def test_lines_of_parts_are_joined_up_to_a_limit() -> None:
    lines = Lines(8)
    assert list(lines.feed(b"ab")) == []
    assert list(lines.feed(b"c\n\nd\nef")) == [b"abc", b"d"]
    with pytest.raises(TooLarge):
        list(lines.feed(b"12345678"))


class Calls:
    """Calls that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[Future[Result]] = []

    def begin(self, one: Any) -> Future[Result]:
        call: Future[Result] = Future()
        self.begun.append(call)
        return call


def test_map_begins_no_more_calls_than_allowed() -> None:
    calls, read = Calls(), []

    def inputs() -> Iterator[int]:
        for number in range(5):
            read.append(number)
            yield number

    results = map_futures(calls.begin, inputs(), 2, progress=False)
    assert not calls.begun
    threading.Timer(0.05, lambda: calls.begun[0].set_result(Result(None, Text("0")))).start()
    assert next(results).text == "0"
    assert (len(calls.begun), read) == (2, [0, 1, 2])
    results.close()
    assert calls.begun[1].cancelled()
    with pytest.raises(ValueError, match="at least one"):
        map_futures(calls.begin, [], 0, progress=False)


def test_map_on_a_loop_keeps_the_order_and_the_bound() -> None:
    running, most = 0, 0

    async def call(number: int) -> Result:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 * (5 - number))
        running -= 1
        return Result(None, Text(str(number)))

    async def results() -> list[str]:
        return [one.text async for one in map_async(call, range(5), 3, False)]

    assert asyncio.run(results()) == list("01234")
    assert most == 3


def test_a_bar_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    calls = Calls()

    def begin(one: Any) -> Future[Result]:
        call = calls.begin(one)
        call.set_result(Result(None, Text(str(one))))
        return call

    assert [one.text for one in map_futures(begin, [1, 2], 1, progress=True)] == ["1", "2"]
    assert "2/2" in terminal.getvalue()


def test_retries_are_a_number_or_a_policy(nobody: str) -> None:
    begin = time.monotonic()
    with (
        Client(nobody, retries=Retry(times=2, first_s=0.1)) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.predict("a")
    assert time.monotonic() - begin >= 0.14


@pytest.mark.parametrize("protocol", ["http", "oip-http"])
def test_a_header_that_can_not_be_sent_is_refused(protocol: Any, silent: str) -> None:
    with Client(silent, protocol) as client:
        for value in ("a\r\nb", "é"):
            with pytest.raises(InvalidRequest):
                client.predict("a", "m", headers={"x-request-id": value})


def test_closing_cancels_the_calls_in_the_background(silent: str) -> None:
    client = Client(silent)
    call = client.submit("a")
    client.close()
    client.close()
    with pytest.raises((Cancelled, CancelledError)):
        call.result(5)
    assert not any(thread.name == "grps-client" for thread in threading.enumerate())
