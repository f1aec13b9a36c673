"""The example of two ONNX models, against the code of the package whose models it reads."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.integration.projects import step_examples
from tests.support import RunningServer

LAST = 2
NAMES = """
محمد أحمد علي فاطمة يوسف خالد ليلى إبراهيم زينب مصطفى عائشة حسين عمر سلمى طارق نور
هشام ياسمين بوعلام مريم الخطيب عبدالقادر ش ءؤئ latin
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with step_examples.example("romanizer", tmp_path_factory.mktemp("example")) as running:
        yield running


@pytest.fixture(scope="module")
def packaged() -> list[str]:
    """What the package writes for each name, if it tries one letter per step."""
    inference = importlib.import_module("arabic_name_romanizer.inference")
    folder = step_examples.package_folder("arabic_name_romanizer") / "resources"
    model = inference.OnnxModel(folder, beam_width=1, batch_size=1)
    return [found[0][0] for found in model.transliterate_units(NAMES.split(), None, 1)]


@pytest.mark.parametrize("at_once", [1, 8])
def test_it_agrees_with_the_package_alone_and_in_batches(
    server: RunningServer, packaged: list[str], at_once: int
) -> None:
    folder = step_examples.package_folder("arabic_name_romanizer") / "resources"
    letters = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["tokens"]

    def romanized(name: str) -> str:
        inputs = {"name": np.array([name], dtype=object)}
        found = step_examples.outputs(server, inputs, "letter")
        return "".join(letters[number] for number in found if number != LAST)

    with ThreadPoolExecutor(at_once) as threads:
        assert list(threads.map(romanized, NAMES.split())) == packaged


@pytest.mark.parametrize(
    "array", [np.array(["ب" * 38], dtype=object), np.array([""], dtype=object), np.zeros(1)]
)
def test_what_is_no_name_is_refused(server: RunningServer, array: np.ndarray) -> None:
    message = step_examples.refusal(server, {"name": array})
    assert "send a name of 1 to 37 Arabic letters" in message


def test_the_model_is_short() -> None:
    assert step_examples.is_short("romanizer")
