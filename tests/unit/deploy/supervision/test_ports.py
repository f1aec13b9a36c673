"""Port checks against real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.ports import check_ports, port_holder, suggest_ports
from grps.errors import DeployError
from grps.server.state import ServiceState


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_free_ports_pass(grps_home: object) -> None:
    check_ports("127.0.0.1", (free_port(),))
    check_ports("127.0.0.1", (0, 0))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_taken_port_names_its_holder(grps_home: object, taken: int, host: str) -> None:
    with pytest.raises(DeployError) as raised:
        check_ports(host, (taken,))
    text = str(raised.value)
    assert text.startswith(f"port {taken} is in use by pid {os.getpid()} (")
    assert "or use --port " in text


def test_holder_that_is_a_service(folder: ServiceFolder, taken: int) -> None:
    ServiceState.of_this_process(folder.root, "ready", ports=(taken,)).write(folder.state)
    holder = port_holder(taken)
    assert holder == (f"the service 'demo' (pid {os.getpid()}; stop it with: grpst stop demo)")


def test_suggestion_is_adjacent_and_free(grps_home: object, taken: int) -> None:
    first, second = suggest_ports("127.0.0.1", 2, above=taken - 1)
    assert first > taken
    assert second == first + 1
    check_ports("127.0.0.1", (first, second))


def test_no_suggestion_past_the_last_port() -> None:
    assert suggest_ports("127.0.0.1", 2, above=65534) == ()


def test_unknown_host(grps_home: object) -> None:
    with pytest.raises(DeployError, match=r"can't listen on 203\.0\.113\.7:"):
        check_ports("203.0.113.7", (free_port(),))
