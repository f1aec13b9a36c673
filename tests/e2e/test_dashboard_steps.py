"""What the page at ``/`` shows of a step model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import page_of, show
from tests.support import RunningServer, serving, user_model, write_user_project

pytestmark = pytest.mark.browser

SLOTS = 2
CODE = """
import os
import time

from grps import ModelInferer, StepModel, inferer_register


class Waiter(StepModel):
    # Makes steps until the file `release` is there, and at least five.
    slots = {"made": "int64"}

    def load(self):
        pass

    def begin(self, requests):
        return [None for _ in requests]

    def step(self, batch):
        time.sleep(0.005)
        batch["made"] += 1
        return batch["made"].copy(), (batch["made"] >= 5) & os.path.exists("release")


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        return inp


inferer_register.register("waiter", Waiter())
inferer_register.register("plain", Plain())
"""
WAITER = user_model(
    "waiter",
    converter_type="numpy",
    batching={"type": "continuous", "max_batch_size": SLOTS, "steps": {"max_steps": 100_000}},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models = [WAITER, user_model("plain")]
    folder = write_user_project(tmp_path_factory.mktemp("steps"), models, code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser) as opened:
        yield opened


@contextmanager
def held(server: RunningServer, count: int) -> Iterator[None]:
    """Requests of the step model that do not end before the block does."""
    release = server.folder / "release"
    release.unlink(missing_ok=True)
    with ThreadPoolExecutor(count) as pool:
        query = "?model=waiter"
        asked = [pool.submit(server.post, {"ndarray": [1]}, query) for _ in range(count)]
        try:
            yield
        finally:
            release.touch()
    assert {one.result().status_code for one in asked} == {200}


def test_slots_are_shown_of_step_models_only(server: RunningServer, page: Page) -> None:
    rows = page.locator("#steps-table tbody tr")
    chart = page.locator("#charts figure", has_text="Slots in use")
    with held(server, SLOTS + 1):
        show(page, "models")
        expect(rows).to_have_count(1)
        expect(rows.locator("th")).to_have_text("waiter-1.0.0")
        cells = rows.locator("td")
        expect(cells.nth(0)).to_have_text(f"{SLOTS} / {SLOTS}", timeout=10_000)
        expect(cells.nth(1)).to_have_text("1")
        expect(cells.nth(2)).not_to_have_text("0", timeout=10_000)
        durations = re.compile(r"^[\d.]+ / [\d.]+ ms$")
        for number in (3, 4):
            expect(cells.nth(number)).to_have_text(durations, timeout=10_000)
        show(page, "overview")
        expect(chart.locator("canvas")).to_have_count(1)
        drawn = chart.locator("[role=img]")
        told = f"Slots in use: waiter-1.0.0 {SLOTS}"
        expect(drawn).to_have_attribute("aria-label", told, timeout=10_000)
    show(page, "models")
    expect(cells.nth(0)).to_have_text(f"0 / {SLOTS}", timeout=10_000)


def test_the_waterfall_tells_the_steps(server: RunningServer, page: Page) -> None:
    with held(server, 1):
        pass
    show(page, "requests")
    first = page.locator("#slowest details", has_text="waiter").first
    first.locator("summary").click()
    expect(first.locator(".fall .name", has_text="waiter-1.0.0/infer")).to_have_count(1)
    expect(first.locator(".fall")).to_contain_text(
        re.compile(r"\d+ steps, slots in use at its start: \d")
    )


def test_a_service_without_step_models_shows_nothing_of_them(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    write_user_project(folder, [user_model("plain")], code=CODE)
    with serving(folder) as server, page_of(server, browser) as page:
        expect(page.locator("#charts figure canvas")).to_have_count(5)
        expect(page.locator("#charts")).not_to_contain_text("Slots in use")
        show(page, "models")
        expect(page.locator("#models tbody tr")).to_have_count(1)
        expect(page.locator("#steps")).to_be_hidden()
        for section in ("#chat", "#chat-link", "#language-models"):
            expect(page.locator(section)).to_be_hidden()
