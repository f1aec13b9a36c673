"""What the page at ``/`` shows of a service that needs a key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import page_of, show
from tests.support import RunningServer, serving, write_user_project

pytestmark = pytest.mark.browser

SCOPES = {"reader": ["infer", "read"], "caller": ["infer"], "operator": ["read", "admin"]}
REFUSALS = {
    "": "This service needs a key. Enter it in the view Logs.",
    "nobody": "The service does not accept this key or token.",
    "caller": "The key does not permit this page: it needs the scope read.",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("keys") / "project"
    keys = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, scopes in SCOPES.items()
    ]
    echo = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
    with serving(write_user_project(folder, [echo], {"auth": {"keys": keys}})) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser) as opened:
        yield opened


def test_a_key_that_is_refused_is_not_a_service_that_is_lost(page: Page) -> None:
    for key, words in REFUSALS.items():
        show(page, "logs")
        page.locator("#token").fill(key)
        expect(page.locator("#refused-reason")).to_have_text(words)
        expect(page.locator("#state")).to_have_text("no access")
        expect(page.locator("#lost")).to_be_hidden()


def test_the_message_leads_to_the_field_of_the_key(page: Page) -> None:
    page.locator("#enter-key").click()
    expect(page.locator("#token")).to_be_focused()
    expect(page.locator("#log-lines")).to_have_text(REFUSALS[""])
    page.keyboard.type("reader")
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#refused")).to_be_hidden()
    expect(page.locator("#log-lines")).to_contain_text("lacks the scope 'admin'")


def test_the_command_leads_to_the_field_of_the_key(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("Enter a key")
    page.keyboard.press("Enter")
    expect(page.locator("#token")).to_be_focused()


def test_an_operator_sees_the_logs(page: Page) -> None:
    page.locator("#enter-key").click()
    page.keyboard.type("operator")
    expect(page.locator("#log-lines")).to_contain_text("ready: listening on")


def test_charts_have_their_titles_in_chinese(server: RunningServer, browser: Browser) -> None:
    with page_of(server, browser, locale="zh-CN") as page:
        expect(page.locator("#state")).to_have_text("无权访问")
        expect(page.locator("figcaption .name").last).to_have_text("延迟分布")
