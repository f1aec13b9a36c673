"""The example that reads text in pictures."""

from __future__ import annotations

import importlib.util
import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from PIL import Image

from tests.support import REPOSITORY, RunningServer, serving
from tests.tensors import arrays_of

EXAMPLE = REPOSITORY / "examples" / "ocr"
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("example") / "ocr"
    shutil.copytree(EXAMPLE, folder)
    interface = {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0"}
    (folder / "conf" / "server.yml").write_text(yaml.safe_dump({"interface": interface}))
    with serving(folder) as running:
        yield running


def module(name: str, path: Path) -> ModuleType:
    """A file of the example as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


picture = module("ocr_picture", EXAMPLE / "picture.py")
lines = module("ocr_lines", EXAMPLE / "src" / "lines.py")


def read(server: RunningServer, image: Image.Image) -> dict[str, np.ndarray]:
    file = io.BytesIO()
    image.save(file, "PNG")
    response = requests.post(server.url(), data=file.getvalue(), headers=BYTES, timeout=30)
    assert response.status_code == 200, response.text
    return arrays_of(response.json()["gtensors"])


@pytest.mark.parametrize(
    "drawn", [picture.LINES, ("Hello, world!",), ("12,50 EUR", "Room 4711", "GRPS 1.1")]
)
def test_drawn_text_is_read(server: RunningServer, drawn: tuple[str, ...]) -> None:
    found = read(server, picture.draw(drawn))
    assert found["text"].tolist() == list(drawn)
    assert (found["confidence"] > 0.9).all()
    assert found["boxes"].shape == (len(drawn), 4)


def test_boxes_are_those_of_the_picture_as_it_came(server: RunningServer) -> None:
    large = picture.draw().resize((1920, 960))
    found = read(server, large)
    assert found["text"].tolist() == list(picture.LINES)
    for left, top, right, bottom in found["boxes"]:
        inside = np.asarray(large)[top:bottom, left:right]
        assert inside.min() < 64
        assert 60 < bottom - top < 240


def test_without_text_the_answer_is_empty(server: RunningServer) -> None:
    found = read(server, Image.new("RGB", (300, 200), "white"))
    assert {name: array.shape for name, array in found.items()} == {
        "text": (0,),
        "confidence": (0,),
        "boxes": (0, 4),
    }


def test_what_is_no_picture_is_refused(server: RunningServer) -> None:
    response = requests.post(server.url(), data=b"no picture", headers=BYTES, timeout=30)
    assert response.status_code == 400
    assert "not a picture that can be read" in response.json()["status"]["msg"]


def box_of(marked: Any, *corners: int) -> None:
    left, top, right, bottom = corners
    marked[top:bottom, left:right] = 1.0


def test_parts_of_one_line_hang_together() -> None:
    likely = np.zeros((60, 200), np.float32)
    box_of(likely, 20, 20, 40, 40)  # the two legs of a U, joined at its foot
    box_of(likely, 80, 20, 100, 40)
    box_of(likely, 20, 36, 100, 40)
    (box,) = lines.find_lines(likely)
    assert box[0] < 20 and box[1] < 20 and box[2] > 100 and box[3] > 40


def test_specks_and_unlikely_regions_are_no_lines() -> None:
    likely = np.zeros((60, 200), np.float32)
    likely[10:12, 10:100] = 1.0
    likely[30:50, 10:100] = 0.4
    assert lines.find_lines(likely) == []
