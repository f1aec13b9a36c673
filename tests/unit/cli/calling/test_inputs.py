from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from grps.cli.calling.inputs import Written, read_inputs, to_content

Types = Mapping[str, np.dtype[Any]]


def content(words: list[str], types: Types | None = None) -> Any:
    return to_content(read_inputs(words), lambda: types or {})


def types_of(**names: str) -> Types:
    return {name: np.dtype(dtype) for name, dtype in names.items()}


@pytest.mark.parametrize("word", ["hello world", "5", "1.5", "a = b", "http://x/?q", ""])
def test_a_word_is_a_text(word: str) -> None:
    assert content([word]) == word


def test_nothing_is_an_empty_text() -> None:
    assert content([]) == ""


@pytest.mark.parametrize(
    ("types", "dtype"),
    [
        ({}, "int64"),
        (types_of(x="float16"), "float16"),
        (types_of(x="uint8", y="uint8"), "int64"),
    ],
)
def test_a_list_without_a_name_gets_the_type_of_the_only_input(types: Types, dtype: str) -> None:
    array = content(["[[1, 2], [3, 4]]"], types)
    assert array.dtype == np.dtype(dtype)
    assert array.tolist() == [[1, 2], [3, 4]]


def test_a_list_of_fractions_is_float32_if_no_type_is_known() -> None:
    assert content(["[0.5]"]).dtype == np.float32


def test_named_values() -> None:
    found = content(["x=[1,2]", "n=3", "t=some text", "f=0.5"], types_of(x="float32", n="int32"))
    assert found["x"].dtype == np.float32
    assert found["x"].tolist() == [1, 2]
    assert found["n"].dtype == np.int32
    assert found["n"].shape == ()
    assert found["t"].tolist() == ["some text"]
    assert found["f"].dtype == np.float32


def test_lists_of_texts_are_tensors_of_strings() -> None:
    found = content(['x=[["a", "b"]]'], types_of(x="object"))
    assert found["x"].dtype == object
    assert found["x"].tolist() == [["a", "b"]]


def test_files(tmp_path: Path) -> None:
    array = np.array([[1.5]], np.float64)
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "xs.npz", a=array, b=array)
    (tmp_path / "x.json").write_text("[1, 2]")
    (tmp_path / "xs.json").write_text(json.dumps({"a": [1], "b": ["t"]}))
    (tmp_path / "x.txt").write_text("é")
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    assert content([f"@{tmp_path}/x.npy"]).dtype == np.float64
    assert set(content([f"@{tmp_path}/xs.npz"])) == {"a", "b"}
    assert content([f"@{tmp_path}/x.json"]).tolist() == [1, 2]
    assert content([f"@{tmp_path}/xs.json"])["b"].tolist() == ["t"]
    assert content([f"@{tmp_path}/x.txt"]) == "é"
    assert content([f"@{tmp_path}/x.png"]) == b"\x89PNG"
    named = content([f"image=@{tmp_path}/x.png", f"x=@{tmp_path}/x.npy"])
    assert named["image"].tolist() == [b"\x89PNG"]
    assert named["x"].tolist() == [[1.5]]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("é".encode()), "utf-8"))
    assert content(["-"]) == "é"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\x00")))
    assert content(["@-"]) == b"\xff\x00"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["a", "b"], "each need a name"),
        (["x=1", "b"], "each need a name"),
        (["x=1", "x=2"], "'x' is given twice"),
        (["[1, 2"], "by --text"),
        (["@missing.png"], "missing.png: No such file"),
        (["x=[[1], [2, 3]]"], "input 'x': its lists have different lengths"),
    ],
)
def test_what_can_not_be_sent_is_refused(words: list[str], text: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        content(words)
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("word", "text"), [("x=[0.5]", "whole numbers (int32)"), ('x=["a"]', "takes int32")]
)
def test_elements_of_another_type_are_refused(word: str, text: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        content([word], types_of(x="int32"))
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("name", "data"),
    [("x.npy", b"no array"), ("x.json", b"{"), ("x.npz", b""), ("y.npz", b"PK\x03\x04")],
)
def test_a_file_that_is_not_what_its_suffix_says_is_refused(
    name: str, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(click.UsageError) as caught:
        read_inputs([f"@{tmp_path / name}"])
    assert name in caught.value.message


def test_types_are_asked_for_only_if_an_array_needs_one() -> None:
    def types() -> Types:
        raise AssertionError

    assert to_content("text", types) == "text"
    array = np.zeros(1)
    assert to_content({"x": array}, types) == {"x": array}
    with pytest.raises(AssertionError):
        to_content(Written([1]), types)
