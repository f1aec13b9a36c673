"""Nodes of a graph that says which format a document has, and whether its words praise."""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from grps import (
    GrpsContext,
    GrpsMessage,
    InputError,
    ModelInferer,
    OnnxModelInferer,
    grps_pb2,
    inferer_register,
)
from tools.magika_model import load_model
from tools.repository import ROOT

REVIEWS = ROOT / "examples" / "text_classifier" / "data" / "reviews.tsv"
WORDS = 4096
"""Places for counts of words, which are found by the checksum of a word."""
WORD = re.compile(r"[a-z]+")
Arrays = dict[str, npt.NDArray[Any]]


def counts_of(text: str) -> npt.NDArray[np.float32]:
    """Return how often each word occurs."""
    counts = np.zeros(WORDS, np.float32)
    for word in WORD.findall(text.lower()):
        counts[zlib.crc32(word.encode()) % WORDS] += 1
    return counts


class Node(ModelInferer):
    """A node without a model file."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Nothing to remember."""

    def load(self) -> bool:
        """Nothing to load."""
        return True


class Prepare(Node):
    """Reads the document of a request."""

    def load(self) -> bool:
        """Read how the model of formats takes bytes."""
        self._model = load_model()
        return True

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Return ``tokens`` for the model of formats, and ``counts`` of words."""
        content = inp.bin_data or inp.str_data.encode()
        if not content:
            raise InputError("send a document as str_data, or its bytes")
        answer = GrpsMessage()
        tokens = self._model.features(content)
        tensor = answer.gtensors.tensors.add(
            name="tokens", dtype=grps_pb2.DT_INT32, shape=[1, len(tokens)]
        )
        tensor.flat_int32.extend(tokens)
        counts = answer.gtensors.tensors.add(
            name="counts", dtype=grps_pb2.DT_FLOAT32, shape=[1, WORDS]
        )
        counts.flat_float32.extend(counts_of(content.decode(errors="replace")).tolist())
        return answer


class FormatModel(OnnxModelInferer):
    """Finds its model file by itself; all the rest is the built-in inferer's."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Take the file from the package of the model, whatever ``path`` says."""
        super().init(str(load_model().path), device, args)


class Mood(Node):
    """A naive Bayes classifier."""

    def load(self) -> bool:
        """Count the words of each label in some reviews."""
        words = {"good": np.ones(WORDS), "bad": np.ones(WORDS)}
        for line in REVIEWS.read_text(encoding="utf-8").splitlines():
            label, text = line.split("\t")
            words[label] += counts_of(text)
        self._weights = np.log([found / found.sum() for found in words.values()]).T
        return True

    def batch_infer(self, inp: Arrays, contexts: list[GrpsContext]) -> Arrays:
        """Return the same for a batch of requests."""
        return self.infer(inp, contexts[0])

    def infer(self, inp: Arrays, context: GrpsContext) -> Arrays:
        """Return ``moods``: the probabilities of praise and of complaint in each row."""
        scores = inp["counts"] @ self._weights
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return {"moods": (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)}


class Summary(Node):
    """Says in words what the two models have found."""

    def load(self) -> bool:
        """Read the names of formats."""
        self._model = load_model()
        return True

    def infer(self, inp: Arrays, context: GrpsContext) -> Arrays:
        """Return the ``format``, the ``mood`` and its ``probability``."""
        found = self._model.decode(inp["types"][0].tolist())
        best = int(inp["moods"][0].argmax())
        return {
            "format": np.array([found.label], dtype=object),
            "mood": np.array([("praise", "complaint")[best]], dtype=object),
            "probability": inp["moods"][0][best : best + 1],
        }


for name, node in (
    ("prepare", Prepare()),
    ("file_type", FormatModel()),
    ("mood", Mood()),
    ("summary", Summary()),
):
    inferer_register.register(name, node)
