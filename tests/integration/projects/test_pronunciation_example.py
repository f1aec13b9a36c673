"""The example of a step model, against the code of the package whose weights it reads."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tests.integration.projects import step_examples
from tests.support import RunningServer

LAST_SOUND = 3
WORDS = """
activationist serving zebrafied onomatopoeia a tensorboard kubernetes grpst xylophonic throughput
queueing slotted recurrent anthropomorphise zzz déjà it's rhythmical b strengths
"""


def packaged() -> Any:
    """An object of the package's class; its other imports are large and not needed."""
    folder = step_examples.package_folder("g2p_en")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse((folder / "g2p.py").read_text(encoding="utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "G2p"]
    names: dict[str, Any] = {"np": np, "os": os, "dirname": str(folder)}
    names["cmudict"] = type("Dictionary", (), {"dict": staticmethod(dict)})
    names["construct_homograph_dictionary"] = dict
    exec(compile(ast.Module([found], []), "g2p.py", "exec"), names)
    return names["G2p"]()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with step_examples.example("pronunciation", tmp_path_factory.mktemp("example")) as running:
        yield running


def sounds(server: RunningServer, word: str) -> list[int]:
    """What the service returns for a word, without the mark of its end."""
    found = step_examples.outputs(server, {"word": np.array([word], dtype=object)}, "sound")
    return [sound for sound in found if sound != LAST_SOUND]


@pytest.mark.parametrize("at_once", [1, 8])
def test_it_agrees_with_the_package_alone_and_in_batches(
    server: RunningServer, at_once: int
) -> None:
    package, words = packaged(), WORDS.split()
    with ThreadPoolExecutor(at_once) as threads:
        found = list(threads.map(lambda word: sounds(server, word), words))
    for word, numbers in zip(words, found, strict=True):
        assert [package.phonemes[number] for number in numbers] == package.predict(word), word


@pytest.mark.parametrize(
    "array",
    [np.array(["a" * 65], dtype=object), np.array([""], dtype=object), np.zeros(1)],
)
def test_what_is_no_word_is_refused(server: RunningServer, array: np.ndarray) -> None:
    message = step_examples.refusal(server, {"word": array})
    assert "send a word of 1 to 64 letters" in message


def test_the_model_is_short() -> None:
    assert step_examples.is_short("pronunciation")
