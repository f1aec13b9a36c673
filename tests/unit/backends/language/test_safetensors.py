"""Files of weights: those that are read, and each way in which one can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grps.backends.common.language.safetensors import stored_tensors
from grps.errors import ModelError
from tests.text_networks.tiny_decoder import write_safetensors

TENSORS = {
    "a": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "b": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    "c": torch.tensor([[0.25]], dtype=torch.float16),
}


def write(folder: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    (folder / "model.safetensors").write_bytes(size.to_bytes(8, "little") + text + data)
    return folder


def entry(**changes: Any) -> dict[str, Any]:
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


def test_the_bytes_of_tensors_are_read(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", TENSORS)
    stored = stored_tensors(tmp_path)
    assert stored.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        found = torch.empty(tensor.shape, dtype=tensor.dtype)
        stored[name].read_into(memoryview(found.view(-1).view(torch.uint8).numpy()))
        assert torch.equal(found, tensor)
        assert stored[name].shape == tuple(tensor.shape)


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        (entry(data_offsets=[0, 9]), bytes(8), "outside of the file"),
        (entry(data_offsets=[4, 12]), bytes(11), "outside of the file"),
        (entry(data_offsets=[8, 0]), bytes(8), "outside of the file"),
        (entry(data_offsets=[0, 8, 8]), bytes(8), "no lists"),
        (entry(data_offsets=[-8, 0]), bytes(8), "no lists"),
        (entry(shape=[3]), bytes(8), "8 bytes, but its shape is"),
        (entry(shape=[-2]), bytes(8), "no lists"),
        (entry(shape=[True, 2]), bytes(8), "no lists"),
        (entry(shape=None), bytes(8), "no lists"),
        (entry(shape=[1 << 40, 1 << 40]), bytes(8), "8 bytes, but its shape is"),
        (entry(dtype="I8"), bytes(8), "8 bytes, but its shape is"),
        (entry(dtype="F4"), bytes(8), "unknown type 'F4'; known are F64"),
        (entry(dtype=["F32"]), bytes(8), "unknown type"),
        ({"x": 5}, b"", "not described"),
        ([], b"", "not a JSON object"),
        (b"{", b"", "not JSON"),
        (b"\xff\xfe", b"", "not JSON"),
        (b"[" * 100_000, b"", "not JSON"),
    ],
)
def test_a_wrong_file_is_named(header: Any, data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        stored_tensors(write(tmp_path, header, data))
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_bounds_are_exact(tmp_path: Path) -> None:
    assert stored_tensors(write(tmp_path, entry(), bytes(8)))["x"].shape == (2,)
    assert stored_tensors(write(tmp_path, entry(data_offsets=[3, 11]), bytes(11)))


@pytest.mark.parametrize(("length", "is_right"), [(2, True), (3, False), (1 << 63, False)])
def test_the_header_is_in_the_file(length: int, is_right: bool, tmp_path: Path) -> None:
    write(tmp_path, b"{}", length=length)
    if is_right:
        assert stored_tensors(tmp_path) == {}
        return
    with pytest.raises(ModelError, match="cut short"):
        stored_tensors(tmp_path)


@pytest.mark.parametrize("size", [0, 7])
def test_a_file_without_a_header_is_cut_short(size: int, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(size))
    with pytest.raises(ModelError, match="cut short"):
        stored_tensors(tmp_path)


def test_a_file_that_became_shorter_is_noticed(tmp_path: Path) -> None:
    stored = stored_tensors(write(tmp_path, entry(), bytes(8)))
    write(tmp_path, entry(), bytes(4))
    with pytest.raises(ModelError, match="ends too early"):
        stored["x"].read_into(memoryview(bytearray(8)))


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"weight_map": {"x": "../model.safetensors"}}, "not the name of a file beside it"),
        ({"weight_map": {"x": "/model.safetensors"}}, "not the name of a file beside it"),
        ({"weight_map": {"x": ".."}}, "not the name of a file beside it"),
        ({"weight_map": {"x": "none.safetensors"}}, "can't be read"),
        ({"weight_map": {"y": "model.safetensors"}}, "no file has the tensor 'y'"),
        ({"weight_map": {"x": 5}}, "does not name a file"),
        ({"weight_map": []}, "does not name a file"),
        ({}, "does not name a file"),
    ],
)
def test_a_wrong_index_is_named(index: Any, words: str, tmp_path: Path) -> None:
    write(tmp_path, entry(), bytes(8))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=words):
        stored_tensors(tmp_path)


@given(st.binary(max_size=64))
def test_no_bytes_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "model.safetensors").write_bytes(data)
    try:
        stored_tensors(folder)
    except ModelError as error:
        assert str(folder) in str(error)
