"""Pages of other sites in a real browser on the service's machine: what they may not do."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, sync_playwright

from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

pytestmark = pytest.mark.browser

EVIL = "evil.test"
"""A name of another site that resolves to the loopback address."""
CALLS = [
    ("GET", "/grps/v1/health/offline"),
    ("POST", "/grps/v1/health/offline"),
    ("POST", "/grps/v1/admin/models/echo-1.0.0/unload"),
    ("GET", "/grps/v1/admin/logs"),
]
FETCH = """async ([base, calls]) => {
  const statuses = [];
  for (const [method, path] of calls) {
    try { statuses.push((await fetch(base + path, { method, mode: MODE })).status); }
    catch { statuses.push(-1); }
  }
  return statuses;
}"""
MARKUP = """
<img src="{url}/grps/v1/health/offline"><iframe src="{url}/grps/v1/health/offline"></iframe>
<form id="form" method="POST" action="{url}/grps/v1/admin/models/echo-1.0.0/unload" target="into">
<input name="a"></form><iframe name="into"></iframe>
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("sites")
    write_user_project(folder, [user_model("echo")])
    with serving(folder, GRPS_ADMIN_TOKEN="") as running:
        yield running


@pytest.fixture(scope="module")
def site(server: RunningServer) -> Iterator[int]:
    """A web server of another site; its page calls the service."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(MARKUP.format(url=server.url("")).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield other.server_address[1]
        other.shutdown()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is not installed; run: tools/system_packages.sh"
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser.new_page()
        browser.close()


def assert_unchanged(server: RunningServer) -> None:
    ready = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
    assert ready.status_code == 200
    listed = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()
    assert [model["state"] for model in listed["models"]] == ["served"]


def test_a_page_of_another_site_changes_nothing(
    server: RunningServer, site: int, page: Page
) -> None:
    page.goto(f"http://{EVIL}:{site}/")
    page.wait_for_load_state("networkidle")
    with page.expect_response(lambda response: "unload" in response.url) as refused:
        page.evaluate("document.getElementById('form').submit()")
    assert refused.value.status == 403
    page.evaluate(FETCH.replace("MODE", "'no-cors'"), [server.url(""), CALLS])
    assert_unchanged(server)


def test_a_name_that_resolves_to_the_loopback_changes_nothing(
    server: RunningServer, page: Page
) -> None:
    url = f"http://{EVIL}:{server.ports[0]}"
    page.goto(url)
    statuses = page.evaluate(FETCH.replace("MODE", "'same-origin'"), [url, CALLS])
    assert statuses == [403] * len(CALLS)
    assert_unchanged(server)


def test_a_page_of_the_service_itself_may(server: RunningServer, page: Page) -> None:
    page.goto(server.url("/"))
    calls = [["GET", "/grps/v1/admin/logs"], ["POST", "/grps/v1/health/online"]]
    statuses = page.evaluate(FETCH.replace("MODE", "'same-origin'"), [server.url(""), calls])
    assert statuses == [200, 200]
