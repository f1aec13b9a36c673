"""Where endpoints come from: tables, names, EndpointSlices."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from grps.deploy.native import PROGRAM
from tests.integration.remote.services import (
    STATES,
    TABLE,
    address_of,
    echoing,
    send_table,
    starting,
    states,
    wait_for_state,
    write_front,
)
from tests.support import GUARD_S, RunningServer, serving, wait_for, wait_until


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with echoing(tmp_path_factory.mktemp("worker")) as running:
        yield running


def test_tables_are_sent_in_order(tmp_path: Path, worker: RunningServer) -> None:
    folder = write_front(tmp_path, {"source": "ray"})
    with starting(folder) as front:
        # The front takes a table before its models are loaded: it waits for that.
        sent = send_table(front, 7, address_of(worker))
        assert (sent.status_code, sent.json()) == (200, {"generation": 7, "endpoints": 1})
        wait_for(front.process, folder, "ready")
        assert front.post({"str_data": "x"}).json()["str_data"] == "x"
        for late in (7, 6, 0):
            refused = send_table(front, late)
            assert refused.status_code == 409
            assert f"generation {late} is not later than 7" in refused.json()["status"]["msg"]
        assert list(states(front)) == [address_of(worker)]
        assert send_table(front, 8).status_code == 200
        wait_until(lambda: not states(front), "no endpoint is left")
        assert front.post({"str_data": "x"}).status_code == 503
        assert send_table(front, 9, "a b:1").status_code == 400
        assert send_table(front, 9, *[f"h{index}:1" for index in range(257)]).status_code == 400
        unknown = requests.put(
            front.url(TABLE.replace("other", "another")),
            data=json.dumps({"generation": 1, "endpoints": []}),
            timeout=GUARD_S,
        )
        assert unknown.status_code == 404


def test_only_the_operator_sends_tables(tmp_path: Path, worker: RunningServer) -> None:
    static = {"source": "static", "addresses": [address_of(worker)]}
    with serving(write_front(tmp_path, static), PROGRAM, GRPS_ADMIN_TOKEN="secret") as front:
        for path in (STATES, TABLE):
            assert requests.post(front.url(path), timeout=GUARD_S).status_code == 405
        assert send_table(front, 1, address_of(worker)).status_code == 403
        assert requests.get(front.url(STATES), timeout=GUARD_S).status_code == 403
        table = {"generation": 1, "endpoints": []}
        token = {"Authorization": "Bearer secret"}
        refused = requests.put(front.url(TABLE), json=table, headers=token, timeout=GUARD_S)
        assert refused.status_code == 400
        assert "come from its source 'static'" in refused.json()["status"]["msg"]


def test_a_name_is_looked_up(tmp_path: Path, worker: RunningServer) -> None:
    port = worker.ports[0]
    source = {"source": "dns", "host": "localhost", "port": port, "refresh_seconds": 1}
    with serving(write_front(tmp_path, source), PROGRAM) as front:
        assert front.post({"str_data": "x"}).json()["str_data"] == "x"
        assert f"127.0.0.1:{port}" in states(front)


class FakeApi:
    """What of the API of Kubernetes serves EndpointSlices."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.watches = 0
        self.ended = False
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                assert parts.path.endswith("/namespaces/prod/endpointslices")
                assert query["labelSelector"] == ["kubernetes.io/service-name=features"]
                self.send_response(200)
                self.end_headers()
                if "watch" not in query:
                    body = {"metadata": {"resourceVersion": "5"}, "items": []}
                    self.wfile.write(json.dumps(body).encode())
                    return
                assert query["resourceVersion"] == ["5"]
                api.watch(self.wfile)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def watch(self, file: Any) -> None:
        """Send events as they come."""
        sent = 0
        with self.changed:
            self.watches += 1
            while not self.ended:
                for event in self.events[sent:]:
                    file.write(json.dumps(event).encode() + b"\n")
                    file.flush()
                sent = len(self.events)
                self.changed.wait(0.1)

    def send(self, kind: str, *hosts: str) -> None:
        """Send an event of a slice with these endpoints."""
        endpoints = [{"addresses": [host], "conditions": {"ready": True}} for host in hosts]
        slices = {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": endpoints}
        with self.changed:
            self.events.append({"type": kind, "object": slices})
            self.changed.notify_all()

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator[FakeApi]:
        api = cls()
        thread = threading.Thread(target=api.server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            with api.changed:
                api.ended = True
                api.changed.notify_all()
            api.server.shutdown()
            thread.join()
            api.server.server_close()


def test_endpoint_slices_are_followed(tmp_path: Path, worker: RunningServer) -> None:
    port = worker.ports[0]
    with FakeApi.serve() as api:
        source = {
            "source": "kubernetes",
            "service": "features",
            "namespace": "prod",
            "port": port,
            "api_server": f"http://127.0.0.1:{api.server.server_port}",
        }
        folder = write_front(tmp_path, source)
        with starting(folder) as front:
            wait_until(lambda: api.watches > 0, "it watches")
            api.send("ADDED", "127.0.0.1")
            wait_for(front.process, folder, "ready")
            assert front.post({"str_data": "x"}).json()["str_data"] == "x"
            # All of 127.0.0.0/8 is this machine, but the worker listens on one address of it.
            api.send("MODIFIED", "127.0.0.1", "127.0.0.9")
            down = wait_for_state(front, f"127.0.0.9:{port}", "ejected")
            assert down["reason"].startswith("connect: ")
            api.send("DELETED")
            wait_until(lambda: not states(front), "no endpoint is left")
