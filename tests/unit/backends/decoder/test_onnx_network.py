"""A decoder in ONNX, compared with the one on PyTorch that has the same weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime.quantization import quantize_dynamic

from grps.backends.decoder.arguments import DecoderArguments
from grps.backends.decoder.network import Network, Span
from grps.backends.decoder.networks import open_network
from grps.backends.decoder.onnx.network import groups
from grps.backends.formats import recognise
from grps.errors import DeviceError, ModelError
from tests.text_networks.onnx_decoder import copy_of, write_onnx_model
from tests.text_networks.tiny_decoder import CONTEXT, write_model

TOLERANCE = 1e-4
"""Of logits, whose standard deviation is about 1.5."""
PROMPTS = [[1, 2, 3], list(range(40, 110)), [7], list(range(20)), [250] * 9]
VARIANTS = {
    "llama": ("llama", {}),
    "tied": ("llama_tied", {}),
    "qwen2": ("qwen2", {}),
    "grouped": ("mistral", {"grouped": True}),
    "last_only": ("mistral", {"grouped": True, "last_only": True}),
}
"""Kinds of models, and how their graphs are written."""
POSITION_BYTES = 2 * 3 * 2 * 8 * 4


def opened(folder: Path, device: str = "cpu", **args: Any) -> Network:
    arguments = DecoderArguments(**{"intra_op_threads": 1, **args})
    return open_network(folder, arguments, device).load(CONTEXT)


def logits_of(network: Network, tokens: list[int], part: int = CONTEXT) -> np.ndarray:
    """Return the logits behind tokens that are read in parts."""
    cache = network.new_cache()
    *firsts, last = range(0, len(tokens), part)
    for start in firsts:
        network.read([Span(cache, tokens[start : start + part], start)])
    found: np.ndarray = network.next_logits([Span(cache, tokens[last:], last)])[0]
    return found


def greedy(network: Network, prompts: list[list[int]], count: int) -> list[list[int]]:
    """Return the likeliest tokens of sequences that make their steps together."""
    caches = [network.new_cache() for _ in prompts]
    all_tokens = [list(prompt) for prompt in prompts]
    begun = [Span(cache, one[:-1], 0) for cache, one in zip(caches, prompts, strict=True)]
    network.read([span for span in begun if span.tokens])
    for _ in range(count):
        spans = [
            Span(cache, tokens[-1:], len(tokens) - 1)
            for cache, tokens in zip(caches, all_tokens, strict=True)
        ]
        for tokens, row in zip(all_tokens, network.next_logits(spans), strict=True):
            tokens.append(int(row.argmax()))
    return [tokens[-count:] for tokens in all_tokens]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx_model(tmp_path_factory.mktemp("onnx") / "llama")


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_and_tokens_are_those_of_pytorch(variant: str, tmp_path: Path) -> None:
    kind, graph = VARIANTS[variant]
    ours = opened(write_onnx_model(tmp_path / "onnx", kind, graph=graph))
    other = opened(write_model(tmp_path / "pytorch", kind))
    for prompt in PROMPTS:
        expected = logits_of(other, prompt)
        for part in (CONTEXT, 9):
            found = logits_of(ours, prompt, part)
            np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    assert greedy(ours, PROMPTS, 12) == greedy(other, PROMPTS, 12)


@pytest.mark.parametrize("variant", ["llama", "grouped"])
def test_logits_do_not_depend_on_who_shares_a_run(variant: str, tmp_path: Path) -> None:
    kind, graph = VARIANTS[variant]
    network = opened(write_onnx_model(tmp_path, kind, graph=graph))
    alone = [logits_of(network, [*prompt, 5]) for prompt in PROMPTS]
    for chosen in ([0, 1, 2, 3, 4], [4, 2, 0], [1, 3], [2, 2, 1]):
        caches = [network.new_cache() for _ in chosen]
        prompts = [PROMPTS[one] for one in chosen]
        network.read([Span(cache, one, 0) for cache, one in zip(caches, prompts, strict=True)])
        # What is there of a cache besides its positions is no part of them.
        for cache, prompt in zip(caches, prompts, strict=True):
            cache.memory[:, :, len(prompt) :] = np.nan  # type: ignore[attr-defined]
        spans = [
            Span(cache, [5], len(prompt)) for cache, prompt in zip(caches, prompts, strict=True)
        ]
        expected = [alone[one] for one in chosen]
        np.testing.assert_allclose(network.next_logits(spans), expected, atol=TOLERANCE)


def test_a_graph_with_one_scale_for_a_run_runs_each_sequence_alone(
    llama: Path, tmp_path: Path
) -> None:
    folder = copy_of(llama, tmp_path / "quantized")
    (folder / "model.onnx").unlink()
    quantize_dynamic(str(llama / "model.onnx"), str(folder / "model.onnx"))
    network = opened(folder)
    alone = [greedy(network, [prompt], 8)[0] for prompt in PROMPTS]
    assert greedy(network, PROMPTS, 8) == alone
    found, expected = (logits_of(one, PROMPTS[0]) for one in (network, opened(llama)))
    np.testing.assert_allclose(found, expected, atol=0.5)
    tokens = [9, 200, 31]
    together = network.next_logits([Span(network.new_cache(), [one], 0) for one in tokens])
    assert np.array_equal(together, [logits_of(network, [one]) for one in tokens])


def test_a_run_is_shared_by_sequences_of_like_lengths(llama: Path) -> None:
    cache = opened(llama).new_cache()

    def grouped(*starts: int) -> list[list[int]]:
        return [
            [starts[place] for place in group]
            for group in groups([Span(cache, [1], start) for start in starts])
        ]

    assert grouped(0, 64) == [[0, 64]]
    assert grouped(65, 0) == [[0], [65]]
    assert grouped(200, 100, 201) == [[100, 200], [201]]
    assert list(groups([Span(cache, [1], 5), Span(cache, [1, 2], 5)])) == [[0], [1]]


def test_a_cache_takes_memory_by_blocks(llama: Path) -> None:
    network = opened(llama)
    cache = network.new_cache()
    assert cache.bytes == 0
    for length, blocks in ((64, 1), (1, 2), (CONTEXT - 65, 2)):
        start = 0 if blocks == 1 else (64 if length == 1 else 65)
        network.read([Span(cache, [3] * length, start)])
        assert cache.bytes == 64 * blocks * POSITION_BYTES


def test_it_is_recognised_by_its_files(llama: Path, tmp_path: Path) -> None:
    assert recognise(llama) == "hugging_face_onnx"
    inner = write_onnx_model(tmp_path / "inner", file="onnx/model.onnx")
    assert recognise(inner) == "hugging_face_onnx"
    assert recognise(write_model(tmp_path / "weights")) == "hugging_face"
    both = write_onnx_model(tmp_path / "both")
    write_model(both)
    assert recognise(both) == "hugging_face"
    plain = copy_of(llama, tmp_path / "plain")
    (plain / "config.json").write_text('{"architectures": ["Other"]}')
    assert recognise(plain) == "onnx"


def test_a_file_is_chosen(llama: Path, tmp_path: Path) -> None:
    folder = copy_of(llama, tmp_path / "several")
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model_a.onnx")
    expected = logits_of(opened(llama), [1, 2])
    assert np.array_equal(logits_of(opened(folder), [1, 2]), expected)
    (folder / "onnx" / "model_b.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"several ONNX files; .*model_a.onnx, onnx/model_b.onnx"):
        opened(folder)
    named = opened(folder, onnx_file="onnx/model_a.onnx")
    assert np.array_equal(logits_of(named, [1, 2]), expected)
    with pytest.raises(ModelError, match="model_b"):
        opened(folder, onnx_file="onnx/model_b.onnx")
    # Of several, it is the one with the name that exporters give.
    (folder / "onnx" / "model_a.onnx").rename(folder / "onnx" / "model.onnx")
    assert np.array_equal(logits_of(opened(folder), [1, 2]), expected)


def test_a_file_that_is_named_is_preferred_to_weights(llama: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "qwen2")
    (folder / "model.onnx").write_bytes((llama / "model.onnx").read_bytes())
    found = logits_of(opened(folder, onnx_file="model.onnx"), [1, 2])
    np.testing.assert_allclose(found, logits_of(opened(llama), [1, 2]), atol=TOLERANCE)


@pytest.mark.parametrize("name", ["../llama/model.onnx", "absolute", "missing.onnx", "config.json"])
def test_files_outside_of_the_directory_are_refused(llama: Path, name: str) -> None:
    name = str(llama / "model.onnx") if name == "absolute" else name
    with pytest.raises(ModelError, match="is none of the ONNX files"):
        opened(llama, onnx_file=name)


def test_weights_beside_the_graph_are_read(llama: Path, tmp_path: Path) -> None:
    folder = write_onnx_model(tmp_path / "beside", external="model.onnx_data")
    network = opened(folder)
    expected = logits_of(opened(llama), [1, 2, 3])
    np.testing.assert_allclose(logits_of(network, [1, 2, 3]), expected, atol=TOLERANCE)
    # They were read, not mapped.
    os.truncate(folder / "model.onnx_data", 0)
    np.testing.assert_allclose(logits_of(network, [1, 2, 3]), expected, atol=TOLERANCE)


@pytest.mark.parametrize("location", ["../secret_data", "{folder}/secret_data"])
def test_weights_outside_of_the_directory_are_refused(location: str, tmp_path: Path) -> None:
    folder = write_onnx_model(tmp_path / "model", external="model.onnx_data")
    (folder / "model.onnx_data").rename(tmp_path / "secret_data")
    model = onnx.load_model(str(folder / "model.onnx"), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location.format(folder=tmp_path)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx: "):
        opened(folder)


def renamed(model: Any, old: str, new: str) -> None:
    for one in (*model.graph.input, *model.graph.output):
        one.name = new if one.name == old else one.name
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]


def with_input(model: Any, name: str) -> None:
    model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.BOOL, [1]))


def with_unknown_heads(model: Any) -> None:
    for one in model.graph.input:
        if one.name == "past_key_values.0.key":
            one.type.tensor_type.shape.dim[1].dim_param = "heads"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: renamed(one, "input_ids", "ids"), "the input 'ids', which is not supported"),
        (lambda one: with_input(one, "use_cache_branch"), "'use_cache_branch', which is not"),
        (lambda one: renamed(one, "attention_mask", "position_ids_2"), "'position_ids_2'"),
        (lambda one: renamed(one, "logits", "scores"), "the graph has no 'logits'"),
        (lambda one: renamed(one, "present.1.key", "other"), r"has no 'present\.1\.key'"),
        (with_unknown_heads, "with numbers for heads and size"),
    ],
)
def test_other_graphs_are_refused(change: Any, words: str, llama: Path, tmp_path: Path) -> None:
    folder = copy_of(llama, tmp_path / "changed")
    model = onnx.load_model(str(folder / "model.onnx"))
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=words):
        opened(folder)


def test_what_onnx_does_not_have_is_refused(llama: Path) -> None:
    with pytest.raises(DeviceError, match="runs on the CPU only"):
        opened(llama, "cuda")
    with pytest.raises(ModelError, match="an ONNX graph has its own types"):
        opened(llama, dtype="float16")


def test_a_directory_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither \*.safetensors nor \*.onnx"):
        opened(tmp_path)


def test_weights_without_room_are_refused(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (llama / "model.onnx").stat().st_size
    module = "grps.backends.decoder.onnx.files.free_memory"
    monkeypatch.setattr(module, lambda: size)
    opened(llama)
    monkeypatch.setattr(module, lambda: size - 1)
    with pytest.raises(ModelError, match="use a smaller onnx_file"):
        opened(llama)
