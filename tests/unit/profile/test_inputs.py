"""Inputs of a model in this process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from grps.backends.backend import Signature, TensorSpec
from grps.errors import InputError
from grps.profile.errors import ProfileError
from grps.profile.inputs import make_inputs, take_inputs, with_rows

X = TensorSpec("x", "float32", (None, 2))
IDS = TensorSpec("ids", "int64", (None, None))
MASK = TensorSpec("mask", "bool", (None,))


class Model:
    """A backend of some inputs, which may refuse large numbers."""

    def __init__(self, *specs: TensorSpec, strict_names: bool = True) -> None:
        self.signature = Signature(specs, (), strict_names)
        self.most: float | None = None
        self.seen: list[Sequence[np.ndarray]] = []

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        self.seen.append(inputs)
        if self.most is not None and inputs[0].max() > self.most:
            raise InputError(f"at most {self.most}")
        return []


def test_inputs_are_made_of_the_signature() -> None:
    (x, ids), words = make_inputs(Model(X, IDS), batch=3, shapes={"ids": (3, 5)})
    assert (x.dtype.name, x.shape, ids.dtype.name, ids.shape) == (
        "float32",
        (3, 2),
        "int64",
        (3, 5),
    )
    assert words == "random"
    assert len(np.unique(x)) == 6


def test_a_model_that_reports_no_shape_needs_one() -> None:
    model = Model(TensorSpec("x"), strict_names=False)
    with pytest.raises(ProfileError, match=r"does not report the shape .* --shape x=1x3x224x224"):
        make_inputs(model, batch=1, shapes={})
    for shapes in ({"x": (1, 3)}, {"": (1, 3)}):
        (x,), _ = make_inputs(model, batch=1, shapes=shapes)
        assert (x.dtype.name, x.shape) == ("float32", (1, 3))


def test_open_sizes_need_a_shape() -> None:
    with pytest.raises(ProfileError, match="by --shape ids=1,N"):
        make_inputs(Model(IDS), batch=1, shapes={})
    with pytest.raises(ProfileError, match="does not report its inputs"):
        make_inputs(Model(), batch=1, shapes={})


def test_an_example_takes_the_place_of_what_is_refused() -> None:
    model = Model(IDS)
    model.most = 1
    (ids,), words = make_inputs(model, batch=1, shapes={"ids": (1, 64)})
    assert (ids.shape, set(ids.flat), words) == ((1, 64), {1}, "made of the model's example")
    model.most = -1
    with pytest.raises(ProfileError, match=r"refuses generated inputs: at most -1; give inputs"):
        make_inputs(model, batch=1, shapes={"ids": (1, 64)})


def test_given_inputs_are_put_in_order_and_checked() -> None:
    signature = Model(X, MASK).signature
    x, mask = np.zeros((1, 2), np.float32), np.ones(1, np.uint8)
    first, second = take_inputs(signature, {"mask": mask, "x": x})
    assert first is x
    assert second.dtype == np.bool_
    with pytest.raises(ProfileError, match="the model's inputs are x, mask, not x"):
        take_inputs(signature, {"x": x})
    with pytest.raises(ProfileError, match="has 2 inputs: give x=…, mask=…"):
        take_inputs(signature, x)
    with pytest.raises(ProfileError, match="input 'x' is float32, not float64"):
        take_inputs(signature, {"x": x.astype(np.float64), "mask": mask})


def test_a_text_is_a_string() -> None:
    signature = Model(TensorSpec("words", "string", (None,))).signature
    (words,) = take_inputs(signature, "hello")
    assert words.tolist() == ["hello"]
    with pytest.raises(ProfileError, match="input 'x' is float32, not string"):
        take_inputs(Model(X).signature, b"hello")


def test_rows_are_repeated_or_cut_off() -> None:
    (made,) = with_rows([np.array([[1], [2]])], 5)
    assert made.ravel().tolist() == [1, 2, 1, 2, 1]
    (made,) = with_rows([np.array([[1], [2]])], 1)
    assert made.tolist() == [[1]]
