"""The pictures of the documentation: drawings, how they are compared, and where they are shown."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageDraw

from tests.support import REPOSITORY
from tools.pictures.__main__ import drawn
from tools.pictures.drawing import LANGUAGES, Drawing, drawings
from tools.pictures.images import MOST_DIFFERENT, difference, quantised
from tools.pictures.scenes import FOLDER, scenes
from tools.pictures.svg import too_wide

MOST_BYTES = 1_500_000
SOURCE = re.compile(r'(?:srcset|src)="([^"]+)"')
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "README.zh-CN.md", "ARCHITECTURE.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]


def shown(page: Path) -> list[Path]:
    """The pictures of a page."""
    sources = SOURCE.findall(page.read_text(encoding="utf-8"))
    return [(page.parent / source).resolve() for source in sources if "pictures/" in source]


@pytest.mark.parametrize(
    ("file", "text"), list(drawn()), ids=lambda value: getattr(value, "stem", "")
)
def test_drawings_are_those_of_their_descriptions(file: Path, text: str) -> None:
    assert file.read_text(encoding="utf-8") == text, "run: python -m tools.pictures"
    assert ElementTree.fromstring(text).tag.endswith("svg")


@pytest.mark.parametrize("drawing", drawings(), ids=lambda drawing: drawing.name)
def test_texts_fit_into_their_boxes(drawing: Drawing) -> None:
    assert [list(too_wide(drawing, language)) for language in LANGUAGES] == [[], []]


@pytest.mark.parametrize("drawing", drawings(), ids=lambda drawing: drawing.name)
def test_boxes_are_inside_and_beside_each_other(drawing: Drawing) -> None:
    width, height = drawing.size
    for box in drawing.boxes:
        assert box.at.left + box.at.width <= width, box.key
        assert box.at.top + box.at.height <= height, box.key
    for one, other in pairwise(sorted(drawing.boxes, key=lambda box: (box.at.top, box.at.left))):
        is_row = one.at.top == other.at.top
        assert not is_row or one.at.left + one.at.width < other.at.left, (one.key, other.key)


def test_every_picture_is_shown_and_made() -> None:
    made = {file for file, _ in drawn()} | {FOLDER / scene.file for scene in scenes()}
    used = {picture for page in PAGES for picture in shown(page)}
    assert set(FOLDER.iterdir()) == made
    assert used == made


def test_the_pictures_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < MOST_BYTES


@pytest.mark.parametrize(
    "page", [page for page in PAGES if shown(page)], ids=lambda page: page.name
)
def test_each_picture_has_a_light_and_a_dark_form(page: Path) -> None:
    found = shown(page)
    for dark, light in zip(found[::2], found[1::2], strict=True):
        assert dark.stem.endswith("-dark")
        assert light.name == dark.name.replace("-dark", "-light")


def png(block: int) -> bytes:
    """A picture with a black block of a height on white."""
    image = Image.new("RGB", (100, 100), "white")
    if block:
        ImageDraw.Draw(image).rectangle((0, 0, 99, block - 1), "black")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_differences_are_measured() -> None:
    assert difference(png(0), quantised(png(0))) == 0
    assert difference(png(0), png(2)) == pytest.approx(0.02)
    assert difference(png(1), png(3)) > MOST_DIFFERENT
    other = Image.new("RGB", (100, 101))
    out = io.BytesIO()
    other.save(out, "PNG")
    assert difference(png(0), out.getvalue()) == 1
