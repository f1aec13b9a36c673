"""The page at ``/`` in a real browser: what it shows, what it does, and whether all can use it."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from grps.dashboard import SCRIPTS
from tests.e2e.pages import page_of, page_of_gone, show
from tests.support import RunningServer, serving, user_model, write_user_project

pytestmark = pytest.mark.browser

CODE = """
import time

from grps import ModelInferer, app_monitor, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Sleeper(Plain):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def infer(self, inp, context):
        time.sleep(self.seconds)
        return {"y": inp["x"] * 2}

    def batch_infer(self, inp, contexts):
        return self.infer(inp, context=None)


class Text(Plain):
    def infer(self, inp, context):
        app_monitor.avg("letters", len(inp.str_data))
        app_monitor.cdf("spread", len(inp.str_data))
        if inp.bin_data:
            return GrpsMessage(bin_data=PIXEL)
        if inp.str_data == "fail":
            raise ValueError("as <b>told</b>")
        if inp.str_data == "many":
            for number in range(1000):
                app_monitor.max(f"many-{number:03}", number)
        if context.if_streaming():
            for word in inp.str_data.split():
                context.stream_respond(GrpsMessage(str_data=word))
        return GrpsMessage(str_data=inp.str_data.upper())


inferer_register.register("quick", Sleeper(0.001))
inferer_register.register("slow", Sleeper(0.03))
inferer_register.register("text", Text())
"""


def numeric(name: str, **settings: Any) -> dict[str, Any]:
    return {**user_model(name), "converter_type": "numpy", "max_threads": 1, **settings}


NODES = [
    {"name": "find", "model": "quick", "inputs": {"x": "request.image"}},
    {"name": "label", "model": "slow", "inputs": {"x": "find.y"}},
]
GRAPH = {
    "name": "pipeline",
    "type": "graph",
    "nodes": NODES,
    "outputs": {"label": "label.y"},
}
TENSOR = {"name": "image", "dtype": "DT_FLOAT32", "shape": [1, 2], "flat_float32": [1, 2]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    window = {"type": "dynamic", "max_batch_size": 4, "wait": "always", "batch_timeout_us": 2000}
    models = [numeric("quick", batching=window), numeric("slow"), user_model("text")]
    folder = write_user_project(tmp_path_factory.mktemp("dashboard"), models, code=CODE)
    inference = folder / "conf" / "inference.yml"
    inference.write_text(yaml.safe_dump({"models": models, "dag": GRAPH}))
    with serving(folder) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser) as opened:
        yield opened


def press(server: RunningServer, count: int, clients: int = 6) -> None:
    """Send requests for the graph from several clients at once."""
    with ThreadPoolExecutor(clients) as pool:
        answers = pool.map(lambda _: server.post({"gtensors": {"tensors": [TENSOR]}}), range(count))
        assert {answer.status_code for answer in answers} == {200}


def test_it_says_which_node_is_slow_and_why(server: RunningServer, page: Page) -> None:
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(press, server, 120)
        finding = page.locator("#diagnosis .note", has_text="pipeline")
        expect(finding).to_contain_text("label (slow-1.0.0) is the slowest node of graph pipeline")
        cause = "waiting for an instance. Instances: 1, busy"
        expect(finding).to_contain_text(cause, timeout=15_000)
        expect(finding).to_contain_text("Add instances")
        show(page, "models")
        row = page.locator("#models tr", has_text="slow-1.0.0")
        expect(row.locator(".stack")).to_have_attribute(
            "aria-label", re.compile("waiting for an instance"), timeout=15_000
        )
        pressed.result()
    slow = page.locator(".graph svg .box.slow")
    expect(slow).to_have_count(1)
    picture = page.locator(".graph svg")
    expect(picture).to_have_attribute("aria-label", re.compile(r"find: .* ms, label: .* ms"))
    expect(page.locator("#batches")).to_contain_text("batch_timeout_us has passed")
    expect(page.locator("#tiles")).to_contain_text("Requests per second")


def test_the_slowest_request_shows_its_waterfall(server: RunningServer, page: Page) -> None:
    press(server, 3, clients=3)
    show(page, "requests")
    first = page.locator("#slowest details").first
    first.locator("summary").click()
    names = first.locator(".fall .name")
    for step in ("receive", "find/infer", "label/infer", "encode"):
        expect(names.filter(has_text=step)).to_have_count(1)


def test_a_failure_is_shown_as_text(server: RunningServer, page: Page) -> None:
    server.post({"str_data": "fail"}, "?model=text", headers={"X-Request-Id": "it-fails"})
    show(page, "requests")
    failed = page.locator("#failures details", has_text="it-fails").first
    expect(failed).to_contain_text("model_failed")
    show(page, "logs")
    expect(page.locator("#log-lines")).to_contain_text("as <b>told</b>")
    assert page.locator("#log-lines b").count() == 0
    page.locator("#log-filter").fill("it-fails")
    page.locator("#log-level").select_option("ERROR")
    expect(page.locator("#log-lines")).to_contain_text("ERROR")
    expect(page.locator("#log-lines")).not_to_contain_text("ready: listening")


def test_the_playground_asks_with_the_inputs_of_the_graph(page: Page) -> None:
    show(page, "playground")
    expect(page.locator("#ask-input .name")).to_have_value("image")
    page.locator("#ask-input .shape").fill("2, 3")
    page.locator("#ask-input .values").fill("1.5")
    page.locator("#ask button.main").click()
    expect(page.locator("#answer-shown pre")).to_contain_text('"flat_float32"')
    expect(page.locator("#took")).to_contain_text("200")
    expect(page.locator("#answer-bars .name", has_text="label/infer")).to_have_count(1)
    page.locator("#ask-input .values").fill("1, 2")
    page.locator("#ask button.main").click()
    expect(page.locator("#answer-shown [role=alert]")).to_have_text(
        "image: 2 values do not match the shape [2,3]"
    )


def test_the_playground_takes_texts_files_and_streams(page: Page, tmp_path: Path) -> None:
    show(page, "playground")
    page.locator("#ask-model").select_option("text-1.0.0")
    page.locator("#ask-text").fill("some words")
    page.locator("#ask button.main").click()
    expect(page.locator("#answer-shown pre")).to_contain_text("SOME WORDS")
    page.locator("#ask-streaming").check()
    page.locator("#ask button.main").click()
    expect(page.locator("#answer-shown pre")).to_contain_text('"str_data":"words"')
    page.locator("#ask-streaming").uncheck()
    picture = tmp_path / "picture.bin"
    picture.write_bytes(base64.b64decode("iVBORw0KGgo="))
    page.locator("#ask-kind").select_option("file")
    page.locator("#ask-file").set_input_files(picture)
    page.locator("#ask button.main").click()
    expect(page.locator("#answer-shown img")).to_have_count(1)


def test_a_thousand_series_stay_quick(server: RunningServer, page: Page) -> None:
    server.post({"str_data": "many"}, "?model=text")
    show(page, "metrics")
    expect(page.locator("#series-count")).to_have_text(
        re.compile(r"^1\d{3} of \d+ series$"), timeout=15_000
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#series-filter").fill("many-99")
    row = page.locator(".spark", has_text="many-997")
    expect(row.locator(".value")).not_to_have_text("…", timeout=15_000)
    row.click()
    expect(page.locator("figure.wide")).to_contain_text("many-997")
    # Only what can be seen is asked for.
    assert max(url.count("name=") for url in asked) <= 60
    page.locator("#series-filter").fill("spread")
    page.locator(".spark", has_text="spread").click()
    expect(page.locator("figure.wide")).to_contain_text("distribution of the latest minute")


def test_requests_are_recorded_from_the_page(page: Page) -> None:
    show(page, "requests")
    state, change = page.locator("#capture-state"), page.locator("#capture-change")
    expect(state).to_have_text("nothing is recorded")
    change.click()
    expect(state).to_contain_text("recording · 100 % of the requests of all models")
    expect(change).to_have_text("Stop")
    change.click()
    expect(state).to_contain_text("stopped")
    expect(change).to_have_text("Start")


def test_language_theme_and_pause(page: Page) -> None:
    page.locator("#language").click()
    expect(page.locator("#overview-title")).to_have_text("总览")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.reload()
    expect(page.locator("#overview-title")).to_have_text("总览")
    page.locator("#language").click()
    expect(page.locator("#overview-title")).to_have_text("Overview")
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.locator("#pause").click()
    expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
    for span in ("hour", "day", "month", "minute"):
        page.locator("#span").select_option(span)
        expect(page.locator("#charts figure").first.locator("canvas")).to_have_count(1)


def test_no_name_is_declared_twice() -> None:
    """All scripts share one scope, in which a second function replaces the first."""
    form = re.compile(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
    files = Path("grps/dashboard/scripts").rglob("*.js")
    names = Counter(name for file in files for name in form.findall(file.read_text("utf-8")))
    assert len(names) > 200
    assert [name for name, count in names.items() if count > 1] == []


def test_both_servers_join_all_scripts() -> None:
    """The Rust server has its own list, whose length is part of its type."""
    source = Path("crates/grps-bin/src/dashboard.rs").read_text("utf-8")
    assert tuple(re.findall(r'part!\("scripts/(.+)\.js"\)', source)) == SCRIPTS
    assert f"const SCRIPTS: [&str; {len(SCRIPTS)}]" in source
    folder = Path("grps/dashboard/scripts")
    files = {str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.js")}
    assert files == set(SCRIPTS)


def test_it_says_why_the_service_is_not_ready(tmp_path: Path, browser: Browser) -> None:
    offline = {"health": {"start_online": False}}
    folder = write_user_project(tmp_path / "offline", [user_model("text")], offline, code=CODE)
    with serving(folder) as server, page_of(server, browser) as page:
        expect(page.locator("#state")).to_have_text("not ready")
        expect(page.locator("#reason")).to_contain_text("offline: set by an operator")
        expect(page.locator("#diagnosis")).to_contain_text("The service is not ready")
        show(page, "configuration")
        expect(page.locator("#configuration-text")).to_contain_text("start_online: false")


def test_it_says_when_the_service_is_gone(tmp_path: Path, browser: Browser) -> None:
    folder = write_user_project(tmp_path / "gone", [user_model("text")], code=CODE)
    with serving(folder) as server, page_of_gone(server, browser) as page:
        expect(page.locator("#state")).to_have_text("ready")
        server.stop()
        expect(page.locator("#lost")).to_be_visible(timeout=10_000)
        expect(page.locator("#state")).to_have_text("no response")
        expect(page.locator("#state")).to_have_class(re.compile("unready"))
        expect(page.locator("#reason")).to_contain_text("last response at")
        show(page, "playground")
        page.locator("#ask-send").click()
        expect(page.locator("#answer-shown [role=alert]")).to_have_text(
            "the service can't be reached"
        )


SCREENS: dict[str, dict[str, Any]] = {
    "wide-light": {"viewport": {"width": 1600, "height": 900}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 375, "height": 800}, "color_scheme": "dark"},
    "chinese": {"locale": "zh-CN"},
}


VIEWS = ("overview", "models", "requests", "metrics", "playground", "logs", "configuration")


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing(server: RunningServer, browser: Browser, screen: str) -> None:
    press(server, 6)
    server.post({"str_data": "fail"}, "?model=text")
    with page_of(server, browser, **SCREENS[screen]) as page:
        for view in VIEWS:
            show(page, view)
            expect(page.locator("main > section.active")).to_have_count(1)
            if view == "models":
                expect(page.locator("#models tbody tr")).to_have_count(3)
            if view == "requests":
                page.locator("#slowest summary").first.click()
            found = Axe().run(page)
            assert found.violations_count == 0, f"{view}: {found.generate_report()}"
            # Nothing is cut off at the side.
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view


def test_the_keyboard_reaches_everything(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#overview")).to_be_visible()
    page.keyboard.press("5")
    page.locator("#ask button.main").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#took")).to_contain_text("200")
