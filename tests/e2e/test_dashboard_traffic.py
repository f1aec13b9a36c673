"""What the page at ``/`` shows of where requests go: to versions, and to other services."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect

from tests.e2e.pages import page_of
from tests.integration.remote.services import address_of, echoing, write_front
from tests.integration.traffic.versions import state, write_identities
from tests.support import serving, two_free_ports

pytestmark = pytest.mark.browser


def test_versions_are_shown_and_promoted(tmp_path: Path, browser: Browser) -> None:
    weights, rollout = {"1": 90, "2": 10}, {"steps_percent": [50], "step_seconds": 3600}
    folder = write_identities(
        tmp_path, ["1", "2"], weights=weights, shadow={"version": "2"}, rollout=rollout
    )
    with serving(folder) as server, page_of(server, browser, "#served") as page:
        rows = page.locator("#traffic tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.nth(1)).to_contain_text(re.compile(r"2 candidate.*10 %"))
        for _ in range(10):
            assert server.post({"model": "m", "str_data": "x"}).status_code == 200
        expect(rows.nth(0).locator("td").nth(1)).to_have_text("9")
        expect(rows.nth(1).locator("td").nth(4)).to_have_text("0 / 9")
        page.get_by_role("button", name="Promote").click()
        expect(rows.nth(1)).to_contain_text("50 %")
        page.get_by_role("button", name="Roll back").click()
        expect(page.locator("#traffic .phase")).to_have_text("rolled back")
        assert state(server)["phase"] == "rolled_back"
        expect(page.locator("#traffic").get_by_role("button", name="Pause")).to_be_hidden()
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("#traffic .phase")).to_have_text("running")
        problems = Axe().run(page, "#traffic").response["violations"]
        assert problems == []


def test_nothing_is_shown_without_traffic(tmp_path: Path, browser: Browser) -> None:
    folder = write_identities(tmp_path, ["1"], weights={"1": 1})
    path = folder / "conf" / "inference.yml"
    path.write_text(path.read_text().split("traffic:")[0])
    with serving(folder) as server, page_of(server, browser, "#served") as page:
        expect(page.locator("#models tbody tr")).to_have_count(1)
        expect(page.locator("#traffic")).to_be_hidden()


def test_endpoints_are_shown_with_why_they_get_no_calls(tmp_path: Path, browser: Browser) -> None:
    gone = f"127.0.0.1:{two_free_ports()[0]}"
    with echoing(tmp_path / "worker") as worker:
        addresses = {"source": "static", "addresses": [address_of(worker), gone]}
        front = write_front(tmp_path / "front", addresses)
        with serving(front) as server, page_of(server, browser, "#served") as page:
            rows = page.locator("#services-table tbody tr")
            expect(rows).to_have_count(2)
            expect(rows.nth(0)).to_contain_text(
                re.compile(rf"other static.*{address_of(worker)}.*up")
            )
            expect(rows.nth(1)).to_contain_text(f"{gone}ejected: connect: Connection refused")
            assert server.post({"ndarray": [[1.0]]}).status_code == 200
            expect(rows.nth(0).locator("td").nth(5)).to_have_text("1")
            problems = Axe().run(page, "#services").response["violations"]
            assert problems == []


def test_nothing_is_shown_without_other_services(tmp_path: Path, browser: Browser) -> None:
    with echoing(tmp_path) as server, page_of(server, browser, "#served") as page:
        expect(page.locator("#models tbody tr")).to_have_count(1)
        expect(page.locator("#services")).to_be_hidden()
