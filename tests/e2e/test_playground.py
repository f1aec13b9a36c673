"""The playground: responses as people read them, and requests as programs that run."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from onnx import TensorProto, helper
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import page_of, show
from tests.support import RunningServer, serving, user_model, write_user_project

pytestmark = pytest.mark.browser

ALL_TEXTS = """() => [...document.querySelectorAll("body *:not(script):not(style)")].flatMap(
    (one) => [one.ariaLabel, one.title, one.children.length ? "" : one.textContent])"""
MIXED = re.compile(r"[\u4e00-\u9fff]\s?[,:;?!]|[,:;?!]\s?[\u4e00-\u9fff]")

CODE = '''
import base64
import json

import numpy as np

from grps import ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import DataType, GrpsMessage


def message(**tensors):
    """Texts, bytes or floats by their names."""
    answer = GrpsMessage()
    for name, values in tensors.items():
        values = np.asarray(values)
        tensor = answer.gtensors.tensors.add(name=name, shape=values.shape)
        if values.dtype.kind == "U":
            tensor.dtype = DataType.DT_STRING
            tensor.flat_string.extend(values.ravel().tolist())
        elif values.dtype == np.uint8:
            tensor.dtype = DataType.DT_UINT8
            tensor.flat_uint8.extend(values.ravel().tolist())
        else:
            tensor.dtype = DataType.DT_FLOAT32
            tensor.flat_float32.extend(values.ravel().tolist())
    return answer


def picture():
    rows = np.linspace(0, 255, 24, dtype=np.uint8)
    return np.stack(np.broadcast_arrays(rows[:, None], rows[None, :], np.uint8(90)), -1)


ANIMALS = {"cat": 0.125, "dog": 0.75, "horse": 0.1, **{f"animal {n}": 0.0025 for n in range(10)}}
ANSWERS = {
    "labels": lambda: message(label=list(ANIMALS), score=list(ANIMALS.values())),
    "objects": lambda: GrpsMessage(
        str_data=json.dumps([{"label": name, "score": score} for name, score in ANIMALS.items()])
    ),
    "map": lambda: map_of(ANIMALS),
    "classes": lambda: message(probabilities=[[0.2, 0.7, 0.1]]),
    "pixels": lambda: message(image=picture()[None]),
    "large": lambda: message(hidden=np.arange(1000, dtype=np.float32).reshape(1, 1000)),
    "small": lambda: message(box=[[1.5, 2.0], [3.0, 4.25]]),
    "long": lambda: GrpsMessage(str_data="plain words"),
}


def map_of(numbers):
    answer = GrpsMessage()
    answer.gmap.s_f.update(numbers)
    return answer


class Answers(ModelInferer):
    """Answers with what its name says, or with the bytes that it gets."""

    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        if inp.bin_data:
            return GrpsMessage(bin_data=inp.bin_data)
        if inp.str_data.startswith("base64"):
            return GrpsMessage(str_data=base64.b64encode(inp.str_data[6:].encode()).decode())
        if inp.str_data == "fail":
            raise ValueError("no such luck")
        if inp.str_data in ANSWERS:
            return ANSWERS[inp.str_data]()
        return GrpsMessage(str_data=inp.str_data)


inferer_register.register("answers", Answers())
'''


def save_classifier(path: Path) -> Path:
    """Write a model whose scores have names, as skl2onnx makes it."""
    names = {"classlabels_strings": ["dog", "cat"]}
    node = helper.make_node("ZipMap", ["x"], ["scores"], domain="ai.onnx.ml", **names)
    values = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    maps = helper.make_map_type_proto(TensorProto.STRING, values)
    scores = helper.make_value_info("scores", helper.make_sequence_type_proto(maps))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    graph = helper.make_graph([node], "graph", [given], [scores])
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), str(path))
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    path = save_classifier(tmp_path_factory.mktemp("files") / "animals.onnx")
    animals = {"version": "1", "inferer_type": "onnxruntime", "inferer_path": str(path)}
    models = [
        user_model("answers"),
        {"name": "animals", **animals},
        {"name": "best", **animals, "converter_type": "labels"},
    ]
    folder = tmp_path_factory.mktemp("playground")
    write_user_project(folder, models, dag=["answers-1.0.0"], code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    with page_of(server, browser, "#playground") as opened:
        yield opened


def ask(page: Page, text: str) -> Locator:
    """Send a text, and return what is shown of the response."""
    page.locator("#ask-kind").select_option("text")
    page.locator("#ask-text").fill(text)
    page.locator("#ask-send").click()
    expect(page.locator("#took b")).to_have_text(re.compile(r"\d{3}"))
    return page.locator("#answer-shown")


@pytest.mark.parametrize("kind", ["labels", "objects", "map"])
def test_labels_are_sorted_by_their_scores(page: Page, kind: str) -> None:
    shown = ask(page, kind)
    rows = shown.locator(".scores tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.first.locator("th")).to_have_text("dog")
    expect(rows.first.locator("td").last).to_have_text("0.7500")
    expect(rows.nth(1).locator("th")).to_have_text("cat")
    assert "width:75%" in str(rows.first.locator(".bar-track i").get_attribute("style"))
    shown.get_by_role("button", name="Show all 13").click()
    expect(rows).to_have_count(13)


def test_tensors_are_shown_by_what_they_are(page: Page) -> None:
    shown = ask(page, "classes")
    expect(shown.locator(".scores tbody th").first).to_have_text("class 1")
    shown = ask(page, "large")
    figures = shown.locator(".statistics")
    expect(figures).to_contain_text("1000 elements")
    expect(figures.locator("div", has_text="Mean").locator("dd")).to_have_text("499.5")
    expect(figures.locator("div", has_text="Standard deviation").locator("dd")).to_have_text(
        "288.675"
    )
    expect(shown.locator(".answer-values")).to_have_text("0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …")
    expect(shown.locator("pre")).to_be_hidden()
    shown.locator("summary").click()
    expect(shown.locator("pre")).to_be_visible()
    expect(shown.locator("pre")).to_contain_text("998, 999]")
    shown = ask(page, "small")
    expect(shown.locator(".answer-values")).to_have_text("1.5, 2\n3, 4.25", use_inner_text=True)
    expect(shown.locator("h4")).to_have_text("box float32 [2, 2]")
    shown = ask(page, "long")
    expect(shown.locator(".answer-text")).to_have_text("plain words")


@pytest.mark.parametrize("model", ["animals-1", "best-1"])
def test_classes_have_the_names_that_the_model_knows(page: Page, model: str) -> None:
    page.locator("#ask-model").select_option(model)
    page.locator("#ask-input .shape").fill("2, 2")
    page.locator("#ask-input .values").fill("0.25, 0.75, 0.6, 0.4")
    page.locator("#ask-send").click()
    tables = page.locator("#answer-shown .scores")
    expect(tables).to_have_count(2)
    for table, best, score in ((tables.first, "cat", "0.7500"), (tables.last, "dog", "0.6000")):
        expect(table.locator("tbody th").first).to_have_text(best)
        expect(table.locator("tbody td").filter(has_text=score)).to_have_count(1)
    expect(page.locator("#answer-shown h4", has_text="Row 2")).to_have_count(1)


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    return file.getvalue()


def send_file(page: Page, path: Path) -> Locator:
    page.locator("#ask-kind").select_option("file")
    page.locator("#ask-file").set_input_files(path)
    page.locator("#ask-send").click()
    expect(page.locator("#took b")).to_have_text("200")
    return page.locator("#answer-shown")


def test_images_and_sound_are_shown_on_both_sides(page: Page, tmp_path: Path) -> None:
    picture, sound, other = (tmp_path / name for name in ("red.png", "quiet.wav", "other.bin"))
    picture.write_bytes(png())
    sound.write_bytes(wav())
    other.write_bytes(b"\0\1\2" * 100)
    shown = send_file(page, picture)
    for place in (page.locator("#ask-preview"), shown):
        expect(place.locator("figcaption")).to_have_text(re.compile("^40 . 30 pixels$"))
        assert place.locator("img").evaluate("image => image.naturalWidth") == 40
    shown = send_file(page, sound)
    for place in (page.locator("#ask-preview"), shown):
        expect(place.locator("audio")).to_have_count(1)
        expect(place.locator("img")).to_have_count(0)
    expect(page.locator("#ask-preview")).to_contain_text("quiet.wav")
    shown = send_file(page, other)
    expect(shown).to_contain_text("300 B")
    expect(shown.locator("a")).to_have_attribute("download", "response.bin")
    shown = ask(page, "pixels")
    canvas = shown.locator("canvas")
    expect(canvas).to_have_attribute("width", "24")
    pixel = "canvas => [...canvas.getContext('2d').getImageData(23, 0, 1, 1).data]"
    assert canvas.evaluate(pixel) == [0, 255, 90, 255]


def test_failures_say_what_to_do(server: RunningServer, page: Page) -> None:
    shown = ask(page, "fail")
    expect(page.locator("#took b")).to_have_text("500")
    expect(shown.locator("[role=alert]")).to_contain_text("The request failed with status 500")
    expect(shown.locator(".advice-line")).to_contain_text("The log shows the traceback of request")
    page.locator("#ask-kind").select_option("json")
    page.locator("#ask-text").fill('{"str_data": 1}')
    page.locator("#ask-send").click()
    expect(shown.locator(".advice-line")).to_contain_text("openapi.json")
    page.route("**/predict*", lambda route: route.fulfill(status=429, headers={"Retry-After": "7"}))
    page.locator("#ask-send").click()
    expect(shown.locator(".advice-line")).to_contain_text("Try again in 7 s.")


def run(text: str, way: str, folder: Path) -> str:
    """What a copied program prints."""
    command = ["bash", "-c", text] if way == "curl" else [sys.executable, "-c", text]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("way", ["curl", "python"])
def test_copied_requests_run_as_they_are(page: Page, tmp_path: Path, way: str) -> None:
    kind, copied = page.locator("#ask-kind"), page.locator("#copied-text")

    def printed() -> str:
        page.locator(f"#copy-{way}").click()
        text = copied.inner_text()
        assert ("json=" in text) == (way == "python" and kind.input_value() != "file")
        return run(text, way, tmp_path)

    kind.select_option("json")
    page.locator("#ask-text").fill(
        '{"str_data": "it\'s \\"q\\" $HOME \\u00e9\\ud83d\\ude00 \\\\n"}'
    )
    answer = printed()
    assert json.loads(answer[answer.index("{") :])["str_data"] == 'it\'s "q" $HOME é😀 \\n'
    page.locator("#copied button").click()
    expect(copied).to_have_count(0)

    (tmp_path / "it's.txt").write_bytes(b"some bytes")
    kind.select_option("file")
    page.locator("#ask-file").set_input_files(tmp_path / "it's.txt")
    assert "some bytes" in printed()

    kind.select_option("tensors")
    page.locator("#ask-input .dtype").select_option("int64")
    page.locator("#ask-input .shape").fill("200, 300")
    page.locator("#ask-input .values").fill("7")
    assert "str_data" in printed()


def test_copied_python_writes_large_tensors_shortly(page: Page) -> None:
    page.locator("#ask-kind").select_option("tensors")
    page.locator("#ask-input .shape").fill("1, 3, 224, 224")
    page.locator("#ask-input .values").fill("0.5")
    page.locator("#copy-python").click()
    expect(page.locator("#copied-text")).to_contain_text('"flat_float32": [0.5] * 150528')
    page.locator("#ask-kind").select_option("json")
    page.locator("#ask-text").fill(
        '{"gmap": {"s_i64": {"big": 9007199254740993}}, "x": [true, null]}'
    )
    page.locator("#copy-python").click()
    expect(page.locator("#copied-text")).to_contain_text(
        '{"gmap": {"s_i64": {"big": 9007199254740993}}, "x": [True, None]}'
    )


def test_axe_finds_nothing_in_responses(server: RunningServer, browser: Browser) -> None:
    options = {"color_scheme": "dark", "locale": "zh-CN"}
    with page_of(server, browser, "#playground", **options) as page:
        for kind in ("labels", "large", "pixels", "fail"):
            shown = ask(page, kind)
            expect(shown.locator(".raw")).to_have_count(1)
            found = Axe().run(page, {"include": [["#playground"]]})
            assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_chinese_has_no_punctuation_of_english(server: RunningServer, browser: Browser) -> None:
    with page_of(server, browser, "#playground", locale="zh-CN") as page:
        ask(page, "labels")
        for view in ("overview", "models", "requests", "playground", "logs"):
            show(page, view)
            if view == "models":
                expect(page.locator("#models tbody tr")).to_have_count(3)
            if view == "requests":
                page.locator("#slowest summary").first.click()
            wrong = [text for text in page.evaluate(ALL_TEXTS) if text and MIXED.search(str(text))]
            assert wrong == [], view
