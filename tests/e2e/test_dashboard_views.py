"""The page at ``/`` as views: addresses, the shared time range, commands and empty views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import page_of, show
from tests.support import RunningServer, serving, user_model, write_user_project

pytestmark = pytest.mark.browser

CODE = """
from grps import ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Text(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        if inp.str_data == "fail":
            raise ValueError("as told")
        return GrpsMessage(str_data=inp.str_data.upper())


inferer_register.register("text", Text())
"""
MODEL = "text-1.0.0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = write_user_project(tmp_path_factory.mktemp("views"), [user_model("text")], code=CODE)
    with serving(folder) as running:
        send(running)
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser) as opened:
        yield opened


def send(server: RunningServer, text: str = "words", status: int = 200) -> None:
    assert server.post({"str_data": text}, "?model=text").status_code == status


def only_view(page: Page, section: str) -> None:
    """Check that this section is shown and no other one."""
    expect(page.locator("main > section:visible")).to_have_count(1)
    expect(page.locator(f"#{section}")).to_be_visible()


def test_tabs_and_addresses_lead_to_views(server: RunningServer, page: Page) -> None:
    only_view(page, "overview")
    show(page, "models")
    only_view(page, "served")
    expect(page).to_have_url(re.compile(r"#/models$"))
    expect(page).to_have_title(re.compile("^Models · "))
    page.locator("#models a", has_text=MODEL).click()
    only_view(page, "requests")
    expect(page.locator("#request-filter .chip")).to_have_text(f"Model {MODEL}")
    expect(page.locator("#slowest details").first).to_contain_text(MODEL)
    page.reload()
    only_view(page, "requests")
    expect(page.locator("nav [aria-current=page]")).to_have_text("Requests")
    page.goto(server.url(f"/#/playground?model={MODEL}"))
    expect(page.locator("#ask-model")).to_have_value(MODEL)
    page.go_back()
    only_view(page, "requests")
    # The names of sections are addresses, too; an unknown one changes nothing.
    page.goto(server.url("/#log"))
    only_view(page, "log")
    page.goto(server.url("/#nothing"))
    only_view(page, "log")


def middle_of(chart: Locator) -> tuple[float, float, float]:
    """Where a chart is: its left side, its width and the middle of its height."""
    chart.scroll_into_view_if_needed()
    box = chart.locator(".u-over").bounding_box()
    assert box is not None
    return box["x"], box["width"], box["y"] + box["height"] / 2


def test_charts_share_a_cursor_and_a_range(server: RunningServer, page: Page) -> None:
    charts, times = page.locator("#charts figure"), page.locator("#charts figcaption .time")
    expect(charts.first.locator("canvas")).to_have_count(1)
    left, width, middle = middle_of(charts.first)
    page.mouse.move(left + width / 2, middle)
    clock = re.compile(r"^\d\d:\d\d:\d\d$")
    expect(times.nth(1)).to_have_text(clock)
    assert times.nth(0).inner_text() == times.nth(1).inner_text()
    page.mouse.move(left + width * 0.3, middle)
    page.mouse.down()
    page.mouse.move(left + width * 0.7, middle, steps=4)
    page.mouse.up()
    expect(page.locator("#reset-zoom")).to_be_visible()
    zoomed = re.search(r"#/overview\?from=(\d+)&to=(\d+)$", page.url)
    assert zoomed is not None
    assert 15 < int(zoomed[2]) - int(zoomed[1]) < 35
    page.reload()
    expect(page.locator("#reset-zoom")).to_be_visible()
    page.locator("#reset-zoom").click()
    expect(page.locator("#reset-zoom")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"#/overview$"))


def test_a_click_on_a_chart_leads_to_the_requests_of_that_time(
    server: RunningServer, page: Page
) -> None:
    send(server, "fail", 500)
    first = page.locator("#charts figure").first
    # That second is counted; the point at the left is of a minute before.
    expect(page.locator("#tiles")).to_contain_text(
        re.compile(r"[1-9]\d* failed in"), timeout=20_000
    )
    left, width, middle = middle_of(first)
    page.mouse.click(left + width * 0.97, middle)
    only_view(page, "requests")
    expect(page.locator("#request-filter .chip")).to_contain_text("Ended")
    expect(page.locator("#failures details").first).to_contain_text("as told")
    page.go_back()
    left, width, middle = middle_of(first)
    page.mouse.click(left + 2, middle)
    expect(page.locator("#failures")).to_contain_text("No slow or failed request")
    page.get_by_role("link", name="Show all requests").click()
    expect(page.locator("#failures details").first).to_contain_text("as told")


def test_charts_have_names_before_their_points_come(page: Page) -> None:
    page.route("**/monitor/trends*", lambda route: None)
    page.reload()
    expect(page.locator("#charts [role=img]").nth(4)).to_be_attached()
    expect(page.locator("#charts [role=img]:not([aria-label])")).to_have_count(0)


def test_lines_are_zero_where_nothing_ran_and_can_be_compared(page: Page) -> None:
    chart = page.locator("#charts [role=img]").first
    expect(chart).to_have_attribute("aria-label", re.compile(r"requests [\d.]+$"))
    latency = page.locator("#charts [role=img]").nth(1)
    # No request is measured in the latest second: this is no latency of zero.
    none = "p50 –, p90 –, p99 –"  # noqa: RUF001 - as the page writes it
    expect(latency).to_have_attribute("aria-label", f"Latency in ms: {none}")
    page.locator("#compare").check()
    page.locator("#charts .legend button", has_text="p90").click()
    expect(page.locator("#charts .legend [aria-pressed=false]")).to_have_count(1)
    page.locator("#span").select_option("hour")
    expect(page.locator("#compare")).to_be_disabled()


def test_the_heat_map_shows_how_long_requests_took(server: RunningServer, page: Page) -> None:
    heat = page.locator("#charts .heat")
    expect(heat.locator("[role=img]")).to_be_attached()
    send(server)
    expect(heat.locator("[role=img]")).to_have_attribute(
        "aria-label", re.compile(r"[\d.]+ ms to [\d.]+ m?s"), timeout=15_000
    )


def test_commands_are_found_by_typing(page: Page) -> None:
    text, rows = page.locator("#command-text"), page.locator("#command-list [role=option]")
    page.keyboard.press("Control+k")
    expect(text).to_be_focused()
    page.keyboard.type("requests of")
    expect(rows).to_have_text([re.compile(f"Requests of {MODEL}")])
    page.keyboard.press("Enter")
    only_view(page, "requests")
    page.keyboard.press("/")
    page.keyboard.type("no such command")
    expect(page.locator("#command-none")).to_be_visible()
    text.fill("go to")
    expect(rows.first).to_have_attribute("aria-selected", "true")
    assert Axe().run(page, "#commands").response["violations"] == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    only_view(page, "served")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.locator("#commands")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Reset the zoom")
    assert Axe().run(page, "#keys").response["violations"] == []
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    # Keys that are typed into a field are no commands.
    show(page, "logs")
    page.locator("#log-filter").focus()
    page.keyboard.type("t1/?")
    expect(page.locator("#log-filter")).to_have_value("t1/?")
    only_view(page, "log")


def test_on_a_phone_tabs_are_at_the_bottom(server: RunningServer, browser: Browser) -> None:
    with page_of(server, browser, viewport={"width": 390, "height": 844}) as page:
        tabs = page.locator("nav").bounding_box()
        assert tabs is not None
        assert tabs["y"] + tabs["height"] == 844
        expect(page.locator("#charts canvas").first).to_be_attached()
        show(page, "configuration")
        only_view(page, "configuration")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_new_service_says_how_to_begin(tmp_path: Path, browser: Browser) -> None:
    folder = write_user_project(tmp_path, [user_model("text")], code=CODE)
    with serving(folder) as server, page_of(server, browser) as page:
        first = page.locator("#first-request")
        expect(first).to_contain_text("No requests yet")
        expect(first.locator("code")).to_contain_text(server.url("/grps/v1/infer/predict"))
        failed = page.locator("#figure-errors")
        send(server)
        expect(page.locator("#figure-p50 dd")).to_contain_text("ms")
        expect(first).to_be_empty()
        expect(failed.locator("dd")).to_have_text("0 %")
        expect(failed).to_have_class("")
        expect(page.locator("#tiles .bad")).to_have_count(0)
        send(server, "fail", 500)
        expect(failed.locator("dd")).to_have_text("50 %")
        expect(failed).to_have_class("bad")
        show(page, "metrics")
        expect(page.locator("#no-series")).to_contain_text("app_monitor")
        page.get_by_role("button", name="Include the service's own series").click()
        expect(page.locator(".spark", has_text="*qps")).to_have_count(1)
