"""A page of another origin in a real browser: HTTP, gRPC-Web and WebSocket by configuration."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support import RunningServer, serving, write_project

pytestmark = pytest.mark.browser

CALLS = """async base => {
  const results = {};
  const attempt = async (name, call) => {
    try { results[name] = await call(); } catch (error) { results[name] = "refused"; }
  };
  const message = new Uint8Array([0, 0, 0, 0, 3, 0x22, 1, 0x78]);
  await attempt("json", async () => {
    const answer = await fetch(base + "/grps/v1/infer/predict", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({str_data: "x"}),
    });
    const id = answer.headers.get("x-request-id");
    return (await answer.json()).str_data + (id ? " with an id" : "");
  });
  await attempt("grpc-web", async () => {
    const answer = await fetch(base + "/grps.protos.v1.GrpsService/Predict", {
      method: "POST",
      headers: {"Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1"},
      body: message,
    });
    const body = new Uint8Array(await answer.arrayBuffer());
    const text = new TextDecoder().decode(body);
    return text.includes("grpc-status: 0") && text.includes("x") ? "x" : text;
  });
  await attempt("websocket", () => new Promise((resolve, reject) => {
    const socket = new WebSocket(base.replace("http", "ws") + "/grps/v1/infer/predict/ws");
    const received = [];
    socket.onopen = () => socket.send(JSON.stringify({str_data: "x"}));
    socket.onerror = reject;
    socket.onmessage = event => {
      const message = JSON.parse(event.data);
      received.push(message.final ? "final" : message.str_data);
      if (message.final) { socket.close(); resolve(received.join(" ")); }
    };
  }));
  return results;
}"""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a web server with an empty page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>page</title>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield other.server_address[1]
        other.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: int) -> Iterator[RunningServer]:
    cors = {"origins": [f"http://127.0.0.1:{site}"]}
    interface = {"host": "127.0.0.1", "port": "0,0", "cors": cors}
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    folder = tmp_path_factory.mktemp("clients")
    with serving(write_project(folder, models, {"interface": interface})) as running:
        yield running


def called(browser: Browser, server: RunningServer, origin: str) -> Any:
    """What a page of an origin gets from the service."""
    page = browser.new_page()
    try:
        page.goto(origin)
        return page.evaluate(CALLS, server.url(""))
    finally:
        page.close()


def test_a_page_of_an_allowed_origin(browser: Browser, server: RunningServer, site: int) -> None:
    assert called(browser, server, f"http://127.0.0.1:{site}/") == {
        "json": "x with an id",
        "grpc-web": "x",
        "websocket": "x final",
    }


def test_a_page_of_another_origin(browser: Browser, server: RunningServer, site: int) -> None:
    refused = {"json": "refused", "grpc-web": "refused", "websocket": "refused"}
    assert called(browser, server, f"http://localhost:{site}/") == refused
