"""The forward pass, compared with what the package transformers computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grps.backends.decoder.network import Span
from grps.backends.decoder.pytorch.architecture import read_architecture
from grps.backends.decoder.pytorch.cache import CacheKind, KeyValues
from grps.backends.decoder.pytorch.network import Network
from grps.backends.decoder.pytorch.weights import WeightsReader
from tests.text_networks.tiny_decoder import CONTEXT, KINDS, write_model
from tests.unit.backends.decoder.make_golden import GENERATED, GOLDEN, POSITIONS, PROMPT

CASES: dict[str, Any] = json.loads(GOLDEN.read_text())
CPU = torch.device("cpu")
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.25}
"""Of logits, whose standard deviation is about 1.5: bfloat16 has three digits."""
ROUNDING = TOLERANCE["float32"]
"""Of logits from spans of other lengths: a processor adds their products in another order."""


class Decoder:
    """A network with one kind of caches."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        architecture = read_architecture(folder)
        weights = WeightsReader(folder, architecture).read(dtype, CPU)
        self.network = Network(architecture, weights, CONTEXT)
        self.kind = CacheKind(architecture, dtype, CPU, CONTEXT)

    def read(self, *spans: Span) -> np.ndarray:
        return self.network.logits(self.network.read(spans)).numpy()

    def greedy(self, count: int) -> list[int]:
        cache = KeyValues(self.kind)
        tokens = list(PROMPT)
        logits = self.read(Span(cache, tokens, 0))
        for _ in range(count):
            tokens.append(int(logits[-1].argmax()))
            logits = self.read(Span(cache, tokens[-1:], len(tokens) - 1))
        return tokens[len(PROMPT) :]


@pytest.fixture
def llama(tmp_path: Path) -> Decoder:
    return Decoder(write_model(tmp_path), torch.float32)


def test_all_kinds_have_golden_values() -> None:
    assert {name.split()[0] for name in CASES} == set(KINDS)


@pytest.mark.parametrize("name", CASES)
def test_logits_and_tokens_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    kind, dtype = name.split()
    decoder = Decoder(write_model(tmp_path, kind, dtype=dtype), getattr(torch, dtype))
    logits = decoder.read(Span(KeyValues(decoder.kind), PROMPT, 0))
    found = logits[list(POSITIONS), ::4]
    np.testing.assert_allclose(found, CASES[name]["logits"], atol=TOLERANCE[dtype])
    if dtype == "float32":
        assert decoder.greedy(GENERATED) == CASES[name]["greedy"]


def test_a_prompt_in_parts_is_the_prompt_as_a_whole(llama: Decoder) -> None:
    whole = llama.read(Span(KeyValues(llama.kind), PROMPT, 0))
    for part in (1, 3, 7):
        cache = KeyValues(llama.kind)
        for start in range(0, len(PROMPT), part):
            last = llama.read(Span(cache, PROMPT[start : start + part], start))
        np.testing.assert_allclose(last[-1], whole[-1], atol=ROUNDING)


def test_sequences_of_one_pass_are_those_alone(llama: Decoder) -> None:
    prompts = [PROMPT[:count] for count in (1, 4, 20, 13)]
    alone = [llama.read(Span(KeyValues(llama.kind), prompt, 0))[-1] for prompt in prompts]
    caches = [KeyValues(llama.kind) for _ in prompts]
    spans = [Span(cache, prompt, 0) for cache, prompt in zip(caches, prompts, strict=True)]
    ends = np.cumsum([len(prompt) for prompt in prompts]) - 1
    np.testing.assert_allclose(llama.read(*spans)[ends], alone, atol=ROUNDING)
    following = [
        Span(cache, [9], len(prompt)) for cache, prompt in zip(caches, prompts, strict=True)
    ]
    together = llama.read(*following)
    for row, prompt in enumerate(prompts):
        single = llama.read(Span(KeyValues(llama.kind), [*prompt, 9], 0))[-1]
        np.testing.assert_allclose(together[row], single, atol=ROUNDING)


def test_weights_in_several_files_are_the_same(llama: Decoder, tmp_path: Path) -> None:
    shards = Decoder(write_model(tmp_path / "shards", shards=3), torch.float32)
    span = [Span(KeyValues(llama.kind), PROMPT, 0), Span(KeyValues(llama.kind), PROMPT, 0)]
    assert np.array_equal(llama.read(span[0]), shards.read(span[1]))


def test_a_cache_grows_by_blocks_up_to_the_context(llama: Decoder) -> None:
    cache = KeyValues(llama.kind)
    assert cache.bytes == 0
    cache.reserve(1)
    assert cache.bytes == 64 * llama.kind.position_bytes
    cache.reserve(64)
    assert cache.bytes == 64 * llama.kind.position_bytes
    cache.reserve(65)
    assert cache.bytes == CONTEXT * llama.kind.position_bytes


def test_what_a_cache_has_survives_its_growth(llama: Decoder) -> None:
    tokens = (PROMPT * 5)[:100]
    whole = llama.read(Span(KeyValues(llama.kind), tokens, 0))[-1]
    cache = KeyValues(llama.kind)
    for start in range(0, 100, 10):
        last = llama.read(Span(cache, tokens[start : start + 10], start))[-1]
    np.testing.assert_allclose(last, whole, atol=ROUNDING)
