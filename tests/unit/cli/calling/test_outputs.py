from __future__ import annotations

import io
import json

import click
import numpy as np
import pytest

from grps.cli.calling.outputs import Output, render

TENSORS = Output(
    tensors={
        "label": np.array(["cat", b"\xff"], dtype=object),
        "score": np.array([[0.5, np.nan]], dtype=np.float32),
    }
)


def test_texts_and_bytes_are_as_they_are() -> None:
    assert render(Output(text="é"), None) == "é".encode()
    assert render(Output(data=b"\xff\x00"), None) == b"\xff\x00"


def test_tensors_are_a_table() -> None:
    assert render(TENSORS, None).decode() == (
        "NAME   DTYPE    SHAPE   VALUES\n"
        'label  string   [2]     ["cat", {"b64": "/w=="}]\n'
        'score  float32  [1, 2]  [[0.5, "NaN"]]\n'
    )


def test_long_values_are_cut_in_a_table_only() -> None:
    output = Output(tensors={"": np.arange(1000)})
    table = render(output, "table").decode().splitlines()[1]
    assert table.startswith("-     int64  [1000]  [0, 1, 2")
    assert table.endswith("…")
    assert json.loads(render(output, "text")) == list(range(1000))


def test_json() -> None:
    assert json.loads(render(Output(text="é"), "json")) == {"text": "é"}
    assert json.loads(render(Output(data=b"\xff"), "json")) == {"bytes": "/w=="}
    assert json.loads(render(TENSORS, "json"))["tensors"]["score"] == {
        "dtype": "float32",
        "shape": [1, 2],
        "values": [[0.5, "NaN"]],
    }


def test_maps_are_json() -> None:
    output = Output(values={"a": "é", "b": b"\xff", "c": 1})
    values = {"a": "é", "b": {"b64": "/w=="}, "c": 1}
    assert json.loads(render(output, None)) == {"map": values}
    assert json.loads(render(output, "text")) == values


def test_npy() -> None:
    array = np.array([[1, 2]], dtype=np.int16)
    loaded = np.load(io.BytesIO(render(Output(tensors={"y": array}), "npy")))
    assert loaded.dtype == np.int16
    assert loaded.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("output", "text"), [(TENSORS, "tensors label, score"), (Output(text="a"), "no tensor")]
)
def test_npy_is_for_one_tensor(output: Output, text: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        render(output, "npy")
    assert text in caught.value.message
