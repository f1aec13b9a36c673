"""Draws pages from what was recorded, in a headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

from grps.dashboard import dashboard_page
from grps.tune.report.page import to_page
from tools.pictures.recording import Answer, Recording, read_outcome, read_recording
from tools.pictures.scenes import Scene

ORIGIN = "http://localhost:7080"
"""Where the page seems to be. Nothing listens there: each request is answered here."""
SECONDS = 24
"""For which the page watches the service; some figures are differences of states."""
EVEN_TEXT = ("--font-render-hinting=none", "--disable-lcd-text")
"""Flags with which text looks the same everywhere."""
_FROZEN = (Path(__file__).parent / "frozen.js").read_text(encoding="utf-8")
_LOCALES = {"en": "en-US", "zh": "zh-CN"}


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Open a browser with these flags of Chromium.

    Raises:
        FileNotFoundError: Chromium is not installed.
    """
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("chromium is not installed; run: tools/system_packages.sh")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", *flags]
        opened = playwright.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()


@contextmanager
def window(browser: Browser, scene: Scene) -> Iterator[Page]:
    """Open the window of a scene."""
    width, height = scene.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scene.scale,
        color_scheme=scene.theme,
        locale=_LOCALES[scene.language],
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def take(browser: Browser, scene: Scene) -> bytes:
    """Return the picture of a scene, as PNG.

    Raises:
        LookupError: The page asks what was not recorded, or its scripts fail.
    """
    with window(browser, scene) as page:
        if scene.source == "tune":
            page.set_content(report())
        else:
            _play(page, scene, read_recording())
        return page.screenshot(animations="disabled", caret="hide")


def report() -> str:
    """Return the page of the recorded search."""
    return to_page(read_outcome())


def _play(page: Page, scene: Scene, recording: Recording) -> None:
    player = _Player(recording)
    page.on("pageerror", lambda error: player.troubles.append(str(error)))
    page.on("console", player.note)
    page.route("**/*", player.fulfil)
    page.add_init_script(f"({_FROZEN.strip()})({recording.started * 1000});")
    page.goto(f"{ORIGIN}/#{scene.hash}")
    page.evaluate("pictures.quiet()")
    for second in range(1, SECONDS + 1):
        player.second = second
        page.evaluate("pictures.second()")
    page.evaluate("pictures.quiet()")
    scene.act(page)
    page.evaluate("pictures.quiet()")
    if player.troubles:
        raise LookupError("\n".join(dict.fromkeys(player.troubles)))


class _Player:
    """Answers what a page asks, from a recording."""

    def __init__(self, recording: Recording) -> None:
        self.second = 0
        self.troubles: list[str] = []
        self._recording = recording

    def note(self, message: object) -> None:
        """Keep what the page reports as an error."""
        if getattr(message, "type", "") == "error":
            self.troubles.append(str(getattr(message, "text", "")))

    def fulfil(self, route: Route) -> None:
        """Answer a request."""
        request = route.request
        if urlsplit(request.url).path == "/" and request.method == "GET":
            page = dashboard_page(self._recording.service)
            route.fulfill(body=page, content_type="text/html; charset=utf-8")
            return
        answer = self._recording.answer(request.method, request.url, self.second)
        if answer is None:
            self.troubles.append(
                f"{request.method} {request.url} was not recorded; "
                "run: python -m tools.pictures.record"
            )
            route.fulfill(status=404)
            return
        route.fulfill(body=answer.body, headers=_headers(answer))


def _headers(answer: Answer) -> dict[str, str]:
    headers = {**answer.headers, "Content-Type": answer.type}
    return {**headers, "X-Recorded-Ms": str(answer.took_ms)} if answer.took_ms else headers
