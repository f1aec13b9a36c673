"""The built JavaScript client in a real browser, on a page of another origin than the service."""

from __future__ import annotations

import functools
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser

from tests.support import REPOSITORY, RunningServer, serving
from tools.conformance.service import PROJECT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CLIENT = REPOSITORY / "clients" / "js"
CALLS = """async ([module, base]) => {
  const { Client, Tensor, ModelError } = await import(module);
  const results = {};
  for (const protocol of ["http", "grpc-web"]) {
    const client = new Client(base, { protocol });
    const found = results[protocol] = {};
    const x = Tensor.from(Float32Array.of(1, 2, 3, 4), [2, 2]);
    found.tensor = (await client.predict({ x }, { model: "echo" })).tensor("x").toNested();
    const file = new File([Uint8Array.of(0, 255)], "a.bin");
    found.bytes = [...(await client.predict(file, { model: "echo" })).bytes];
    found.pieces = 0;
    for await (const piece of client.stream("1000 10", { model: "count" })) {
      if (piece.text.trimEnd() === String(found.pieces)) found.pieces += 1;
    }
    for await (const piece of client.stream("-1 1000", { model: "count" })) {
      if (piece.text.trimEnd() === "3") break;
    }
    const error = await client.predict("bad: é", { model: "fail" }).catch((error) => error);
    found.error = [error instanceof ModelError, error.code, error.message.includes("bad: é")];
    const late = client.predict("60000", { model: "sleep", timeoutMs: 200 });
    found.late = await late.catch((error) => error.name);
    found.cancelled = 0;
    for (let look = 0; look < 100 && found.cancelled < 2; look += 1) {
      const state = await client.predict("", { model: "state" });
      found.cancelled = JSON.parse(state.text).cancelled - (results.before ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    results.before = found.cancelled;
  }
  delete results.before;
  return results;
}"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of a web server with the files of the client."""
    subprocess.run([CLIENT / "build.sh"], check=True, env={**os.environ}, capture_output=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    files = functools.partial(Quiet, directory=str(CLIENT / "dist"))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[RunningServer]:
    """The conformance service; pages of the site may read its responses."""
    folder = tmp_path_factory.mktemp("javascript") / "project"
    _copy(folder, site.rstrip("/"))
    with serving(folder) as running:
        yield running


def _copy(folder: Path, origin: str) -> None:
    for path in PROJECT.rglob("*.*"):
        if path.suffix in {".py", ".yml"}:
            target = folder / path.relative_to(PROJECT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    conf = folder / "conf" / "server.yml"
    settings = yaml.safe_load(conf.read_text(encoding="utf-8"))
    settings["interface"] |= {"port": "0,0", "cors": {"origins": [origin]}}
    conf.write_text(yaml.safe_dump(settings), encoding="utf-8")


def test_both_protocols_in_a_browser(browser: Browser, server: RunningServer, site: str) -> None:
    page = browser.new_page()
    try:
        page.goto(site)
        results: Any = page.evaluate(CALLS, [f"{site}index.js", server.url("")])
    finally:
        page.close()
    expected = {
        "tensor": [[1, 2], [3, 4]],
        "bytes": [0, 255],
        "pieces": 1000,
        "error": [True, 500, True],
        "late": "DeadlineExceededError",
        "cancelled": 2,
    }
    assert results == {"http": expected, "grpc-web": expected}
