"""What the page at ``/`` shows of readiness, failures, advice and requests that can pass."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from onnx import TensorProto
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import page_of, show
from tests.onnx_models import save_identity, save_node
from tests.support import RunningServer, serving, user_model, write_user_project

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=window.hacked=1>"
LATEST = 50
CODE = """
import time

from grps import ModelInferer, app_monitor, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Text(Plain):
    def infer(self, inp, context):
        app_monitor.inc("<img src=x onerror=window.hacked=1>", 1)
        if inp.str_data == "fail":
            raise ValueError("as told " + "<img src=x onerror=window.hacked=1>")
        if context.if_streaming():
            for word in inp.str_data.split():
                context.stream_respond(GrpsMessage(str_data=word))
        return GrpsMessage(str_data=inp.str_data.upper())


class Slow(Plain):
    def infer(self, inp, context):
        time.sleep(0.02)
        return inp

    def batch_infer(self, inp, contexts):
        return self.infer(inp, None)


class Busy(Plain):
    def infer(self, inp, context):
        until = time.process_time() + 0.5
        while time.process_time() < until:
            pass
        return inp


for cls in (Text, Slow, Busy):
    inferer_register.register(cls.__name__.lower(), cls())
"""


def onnx(name: str, path: Path) -> dict[str, Any]:
    return {"name": name, "version": "1", "inferer_type": "onnxruntime", "inferer_path": str(path)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    files = tmp_path_factory.mktemp("files")
    flags = [(name, TensorProto.BOOL, ["n"]) for name in "xy"]
    save_node(files / "flags.onnx", "Not", flags[:1], flags[1:])
    batching = {"type": "dynamic", "max_batch_size": 2}
    numeric = {"inferer_name": "slow", "converter_type": "numpy", "max_threads": 1}
    models = [
        user_model("text"),
        user_model("slow", **numeric),
        user_model("batched", **numeric, batching=batching),
        user_model("busy", isolation="process"),
        onnx("words", save_identity(files / "words.onnx", "string")),
        onnx("scores", save_identity(files / "scores.onnx", "float32")),
        onnx("flags", files / "flags.onnx"),
    ]
    folder = tmp_path_factory.mktemp("services") / MARKUP
    write_user_project(folder, models, dag=["text-1.0.0"], code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser) as opened:
        yield opened


def fail(server: RunningServer, query: str, count: int) -> None:
    """Send requests that fail."""
    for _ in range(count):
        assert server.post({"str_data": "fail"}, query).status_code >= 400


def test_names_from_elsewhere_are_text(server: RunningServer, page: Page) -> None:
    expect(page).to_have_title(f"{MARKUP} – GRPS")  # noqa: RUF001 - as the page writes it
    expect(page.locator("h1")).to_have_text(f"GRPS {MARKUP}")
    server.post({"str_data": "fail"}, "?model=text", headers={"X-Request-Id": MARKUP})
    fail(server, f"?model={MARKUP}", 1)
    show(page, "requests")
    for status in ("404", "500"):
        failed = page.locator("#failures > details", has_text=status).first
        failed.locator("summary").first.click()
        expect(failed).to_contain_text(MARKUP)
    show(page, "logs")
    expect(page.locator("#log-lines")).to_contain_text("onerror")
    show(page, "metrics")
    expect(page.locator(".spark", has_text=MARKUP)).to_have_count(1)
    show(page, "playground")
    page.locator("#ask-text").fill("fail")
    page.locator("#ask-send").click()
    expect(page.locator("#answer-shown [role=alert]")).to_contain_text(
        f"The request failed with status 500: ValueError: as told {MARKUP}"
    )
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked === undefined")


def test_it_agrees_with_readiness(server: RunningServer, page: Page) -> None:
    state, reason = page.locator("#state"), page.locator("#reason")
    row = page.locator("#models tr", has_text="text-1.0.0")

    def change(path: str) -> None:
        requests.post(server.url(f"/grps/v1/{path}"), timeout=30).raise_for_status()

    expect(state).to_have_text("ready")
    change("health/offline")
    expect(state).to_have_text("not ready")
    expect(reason).to_contain_text("offline")
    change("health/online")
    expect(state).to_have_text("ready")
    expect(reason).to_be_empty()
    page.locator("#pause").click()
    change("admin/models/text-1.0.0/unload")
    expect(state).to_have_text("not ready")
    expect(reason).to_contain_text("Model text-1.0.0 not found")
    page.locator("#pause").click()
    expect(page.locator("#diagnosis")).to_contain_text("grpst model load text-1.0.0")
    show(page, "models")
    expect(row).to_contain_text("not loaded")
    expect(page.locator("#ask-model option", has_text="text")).to_have_count(0)
    change("admin/models/text-1.0.0/load")
    expect(state).to_have_text("ready")
    expect(row).not_to_contain_text("not loaded")


def times(count: int) -> str:
    """How the page writes a number of equal failures."""
    return f"{count} \N{MULTIPLICATION SIGN}"


def test_equal_failures_are_together_and_stay_open(server: RunningServer, page: Page) -> None:
    fail(server, "?model=text", LATEST)
    for number in range(20):
        fail(server, f"?model=none-{number}", 1)
    show(page, "requests")
    groups = page.locator("#failures > details")
    expect(groups).to_have_count(21, timeout=15_000)
    equal = groups.filter(has_text="as told")
    expect(equal.locator(".count")).to_have_text(times(30))
    expect(page.locator("#failures .group > details")).to_have_count(LATEST)
    equal.locator("summary").first.click()
    equal.locator(".group summary").first.click()
    steps = equal.locator(".fall .name", has_text="text-1.0.0/infer")
    expect(steps).to_have_count(1)
    fail(server, "?model=none-20", 1)
    expect(groups).to_have_count(22, timeout=15_000)
    expect(equal.locator(".count")).to_have_text(times(29))
    expect(steps).to_be_visible()
    # Also when the service has dropped them.
    fail(server, "?model=another", LATEST)
    expect(groups.filter(has_text="another").locator(".count")).to_have_text(times(LATEST))
    expect(groups).to_have_count(2)
    expect(steps).to_be_visible()


@contextmanager
def pressed(server: RunningServer, model: str) -> Iterator[None]:
    """Send requests for a model from several clients until the block ends."""
    ended = threading.Event()

    def send_all() -> None:
        while not ended.is_set():
            assert server.post({"ndarray": [[1.0]]}, f"?model={model}").status_code == 200

    with ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(send_all) for _ in range(6)]
        try:
            yield
        finally:
            ended.set()
    for client in clients:
        client.result()


@pytest.mark.parametrize("model", ["slow", "batched"])
def test_advice_knows_the_configuration(server: RunningServer, page: Page, model: str) -> None:
    finding = page.locator("#diagnosis .note", has_text=f"{model}-1.0.0 takes")
    with pressed(server, model):
        expect(finding).to_contain_text("Or use a faster model.", timeout=15_000)
        text = finding.inner_text()
    assert ("Enable dynamic batching" in text) == (model == "slow")
    assert "GIL" not in text


def test_worker_processes_count_and_no_chart_exceeds_all_processors(
    server: RunningServer, page: Page
) -> None:
    def used() -> float:
        live = requests.get(server.url("/grps/v1/monitor/live"), timeout=30).json()
        seconds: float = live["process"]["cpu_s"]
        return seconds

    before = used()
    assert server.post({"str_data": "x"}, "?model=busy").status_code == 200
    assert used() - before >= 0.4
    tile = page.locator("#tiles .tile", has=page.locator(".name", has_text=re.compile("^CPU$")))
    expect(tile.locator(".value")).to_have_text(re.compile(r"^(\d\d?|100) %$"))
    chart = page.locator("#charts [role=img]").nth(2)
    expect(chart).to_have_attribute("aria-label", re.compile(r"all CPUs (\d\d?(\.\d+)?|100)\b"))


def send(page: Page) -> Locator:
    """Send the request that the playground offers."""
    page.locator("#ask-send").click()
    return page.locator("#took")


def test_all_requests_that_the_playground_offers_pass(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "picture.bin"
    picture.write_bytes(b"bytes")
    show(page, "playground")
    page.locator("#pause").click()
    select, kind = page.locator("#ask-model"), page.locator("#ask-kind")
    expect(select.locator("option")).to_have_count(8)
    tried = []
    for model in ("", "text-1.0.0", "busy-1.0.0", "words-1", "scores-1", "flags-1"):
        select.select_option(model)
        for offered in kind.evaluate("kind => [...kind.options].map((option) => option.value)"):
            kind.select_option(offered)
            if offered == "file":
                page.locator("#ask-file").set_input_files(picture)
            expect(send(page), f"{model} {offered}").to_contain_text("200 ·")
            expect(page.locator("#answer-shown [role=alert]")).to_have_count(0)
            tried.append((model, offered))
    assert {("flags-1", "ndarray"), ("words-1", "tensors"), ("text-1.0.0", "file")} <= set(tried)
    assert not {("words-1", "ndarray"), ("words-1", "file"), ("scores-1", "text")} & set(tried)


def test_the_playground_shows_chunks_and_what_is_wrong(page: Page) -> None:
    show(page, "playground")
    page.locator("#ask-model").select_option("text-1.0.0")
    page.locator("#ask-streaming").check()
    page.locator("#ask-text").fill('two "}{" chunks')
    expect(send(page)).to_contain_text("3 chunks")
    expect(page.locator("#answer-shown .chunk")).to_have_count(3)
    page.locator("#ask-streaming").uncheck()
    page.locator("#ask-kind").select_option("ndarray")
    page.locator("#ask-text").fill("[1,")
    send(page)
    alert = page.locator("#answer-shown [role=alert]")
    expect(alert).to_contain_text("Array: not valid JSON")
    page.locator("#ask-model").select_option("words-1")
    page.locator("#ask-input .values").fill("one text\nanother")
    page.locator("#ask-input .shape").fill("2")
    expect(send(page)).to_contain_text("200 ·")
    expect(page.locator("#answer-shown pre")).to_contain_text('"one text"')


def test_the_playground_follows_the_description(server: RunningServer, page: Page) -> None:
    schemas = requests.get(server.url("/openapi.json"), timeout=30).json()["components"]["schemas"]
    options = page.locator("#ask-model option")
    show(page, "playground")
    for model in ("words-1", "scores-1"):
        described = schemas[f"{model}.predict.request"]["allOf"][0]["anyOf"][0]["properties"]
        tensor = described["gtensors"]["properties"]["tensors"]["prefixItems"][0]["properties"]
        page.locator("#ask-model").select_option(model)
        field = page.locator("#ask-input .tensor")
        expect(field.locator(".name")).to_have_value(tensor["name"]["const"])
        dtype = tensor["dtype"]["enum"][0].removeprefix("DT_").lower()
        expect(field.locator(".dtype")).to_have_value(dtype)
        expect(field.locator(".shape")).to_have_value("1")
    for action, count in (("unload", 0), ("load", 1)):
        url = server.url(f"/grps/v1/admin/models/scores-1/{action}")
        assert requests.post(url, timeout=30).status_code == 200
        expect(options.filter(has_text="scores-1")).to_have_count(count, timeout=15_000)
