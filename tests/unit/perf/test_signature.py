"""Inputs that are generated from the signature of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grps.perf import PerfError
from grps.perf.requests.signature import Input, generate, read_inputs

IMAGE = Input("image", "uint8", (None, 3, 4))


def make(
    *inputs: Input, batch: int = 1, seed: int = 1, **shapes: tuple[int, ...]
) -> dict[str, Any]:
    return generate(inputs, np.random.default_rng(seed), batch=batch, shapes=shapes)


def test_signatures_of_both_protocols_are_read() -> None:
    grps = {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 2]}]}
    oip = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]}
    assert read_inputs(grps) == read_inputs(oip) == (Input("x", "float32", (None, 2)),)
    assert read_inputs({"inputs": [{"name": "x"}]}) == ()
    assert read_inputs({}) == ()


def test_elements_have_the_type_and_shape_of_the_input() -> None:
    words = Input("words", "string", (2,))
    flags = Input("flags", "bool", ())
    made = make(IMAGE, words, flags, Input("ids", "int64", (None,)), batch=5)
    assert (made["image"].dtype, made["image"].shape) == (np.uint8, (5, 3, 4))
    assert made["image"].max() > 100
    assert all(isinstance(word, str) and word for word in made["words"])
    assert (made["flags"].dtype, made["flags"].shape) == (np.bool_, ())
    assert made["ids"].shape == (5,)


def test_a_seed_makes_the_same_elements_again() -> None:
    assert (make(IMAGE)["image"] == make(IMAGE)["image"]).all()
    assert not (make(IMAGE)["image"] == make(IMAGE, seed=2)["image"]).all()


def test_shapes_fill_in_what_requests_choose() -> None:
    text = Input("ids", "int32", (None, None))
    assert make(text, ids=(2, 7))["ids"].shape == (2, 7)
    with pytest.raises(PerfError, match="by --shape ids=1,N"):
        make(text)
    with pytest.raises(PerfError, match=r"has the shape \?,3,4, not 1,3,5"):
        make(IMAGE, image=(1, 3, 5))
    with pytest.raises(PerfError, match="no input 'other'; give image=…"):
        make(IMAGE, other=(1,))
    with pytest.raises(PerfError, match="too large"):
        make(text, ids=(1 << 20, 1 << 20))


def test_unknown_types_are_refused() -> None:
    with pytest.raises(PerfError, match="'x' has the element type 'bfloat16'"):
        make(Input("x", "bfloat16", (1,)))
