"""The page at ``/`` in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.support import RunningServer


@contextmanager
def page_of(
    server: RunningServer, browser: Browser, section: str = "", **options: Any
) -> Iterator[Page]:
    """The page at a section; nothing may go wrong in its scripts."""
    options = {"locale": "en-US", "viewport": {"width": 1300, "height": 900}, **options}
    context: BrowserContext = browser.new_context(**options)
    troubles: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))

    def note(message: Any) -> None:
        # What the server refuses, the browser reports as an error of the page.
        if message.type == "error" and "status of" not in message.text:
            troubles.append(message.text)

    page.on("console", note)
    try:
        page.goto(server.url("/") + section)
        yield page
    finally:
        context.close()
    assert troubles == []


@contextmanager
def page_of_gone(server: RunningServer, browser: Browser) -> Iterator[Page]:
    """A page whose server ends: its requests may fail."""
    context = browser.new_context(locale="en-US")
    try:
        page = context.new_page()
        page.goto(server.url("/"))
        yield page
    finally:
        context.close()


def show(page: Page, view: str) -> None:
    """Choose a view by its tab."""
    page.locator(f'nav [data-view="{view}"]').click()
