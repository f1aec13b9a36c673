"""The first run of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.signature import check_inputs, describe
from grps.backends.common.warm_up import warm_up
from grps.errors import InputError, ModelError


class Recorder:
    """A backend that runs a check on each input and keeps what it was given."""

    def __init__(
        self,
        *specs: TensorSpec,
        check: Callable[[np.ndarray], bool] = lambda _: True,
        open_ended: bool = False,
    ) -> None:
        self.signature = Signature(specs, (), True, open_ended)
        self.check = check
        self.seen: list[list[np.ndarray]] = []

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        self.seen.append(list(inputs))
        if not all(self.check(array) for array in inputs):
            raise ModelError("too short")
        return []


def skipped(backend: Recorder) -> str | None:
    return warm_up(backend)[1].skipped


def test_runs_once_on_ones_and_words() -> None:
    backend = Recorder(
        TensorSpec("x", "float16", (None, 3)),
        TensorSpec("s", "string", (2,)),
        TensorSpec("n", "int64", ()),
        TensorSpec("o", "int64", (1,), required=False),
    )
    signature, ran = warm_up(backend)
    [[x, s, n]] = backend.seen
    assert (x.shape, x.dtype.name, x.all()) == ((1, 3), "float16", np.True_)
    assert s.tolist() == ["text", "text"]
    assert n.shape == ()
    assert (ran.skipped, signature.tried) == (None, True)
    examples = [(spec.example, spec.values) for spec in signature.inputs]
    assert examples == [((1, 3), (1.0,)), ((2,), ("text",)), ((), (1,)), (None, None)]


@pytest.mark.parametrize(
    "spec", [TensorSpec("x"), TensorSpec("x", "int8"), TensorSpec("x", None, (1,))]
)
def test_skips_what_it_can_not_shape(spec: TensorSpec) -> None:
    backend = Recorder(spec)
    assert skipped(backend) == "the model does not report the type or shape of its input 'x'"
    assert backend.seen == []


def test_skips_an_unknown_number_of_inputs() -> None:
    assert skipped(Recorder(open_ended=True)) == "the model does not report its inputs"


def test_tries_sizes_until_one_fits() -> None:
    backend = Recorder(
        TensorSpec("x", "float32", (None, None, 2)), check=lambda array: array.shape[1] >= 64
    )
    assert skipped(backend) is None
    assert [inputs[0].shape for inputs in backend.seen] == [(1, 1, 2), (1, 8, 2), (1, 64, 2)]


@pytest.mark.parametrize(("columns", "chosen"), [(1, 1), (50, 64), (500, 1)])
def test_an_example_of_which_nothing_is_left_is_the_last_choice(columns: int, chosen: int) -> None:
    class Keeps(Recorder):
        """A model that keeps a row of every so many columns."""

        def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
            return [("y", np.zeros((inputs[0].shape[1] // columns, 2)))]

    _, ran = warm_up(Keeps(TensorSpec("x", "float32", (None, None))))
    assert ran.inputs is not None
    assert ran.inputs[0].shape == (1, chosen)


def test_gives_the_reason_when_no_size_fits() -> None:
    backend = Recorder(TensorSpec("x", "float32", (None, None)), check=lambda _: False)
    assert skipped(backend) == "the model refused all examples: too short"
    assert len(backend.seen) == 8
    batch_only = Recorder(TensorSpec("x", "float32", (None, 2)), check=lambda _: False)
    assert skipped(batch_only) == "the model refused all examples: too short"
    assert len(batch_only.seen) == 2


def test_a_failure_on_fixed_shapes_is_fatal() -> None:
    with pytest.raises(ModelError, match=r"^warm-up: too short$") as raised:
        warm_up(Recorder(TensorSpec("x", "float32", (1, 2)), check=lambda _: False))
    assert isinstance(raised.value.__cause__, ModelError)


def test_a_refused_input_counts_as_a_failure() -> None:
    class Refuses(Recorder):
        def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
            raise InputError("no")

    with pytest.raises(ModelError, match="warm-up: no"):
        warm_up(Refuses(TensorSpec("x", "float32", (1,))))


def test_takes_the_shape_a_model_gives_as_an_example() -> None:
    backend = Recorder(TensorSpec("x", "int8", (None, None), example=(3, 5)))
    assert skipped(backend) is None
    assert [[array.shape for array in seen] for seen in backend.seen] == [[(3, 5)]]


def test_tries_the_shape_of_an_example_alone() -> None:
    spec = TensorSpec("x", "int8", (None, None), example=(3, 5))
    backend = Recorder(spec, check=lambda _: False)
    assert skipped(backend) == "the model refused all examples: too short"
    assert len(backend.seen) == 2


def test_numbers_are_zeros_where_ones_are_refused() -> None:
    backend = Recorder(TensorSpec("x", "int8", (None, 2)), check=lambda array: not array.any())
    signature, ran = warm_up(backend)
    assert ran.inputs is not None
    assert ran.inputs[0].tolist() == [[0, 0]]
    assert describe(signature)["inputs"][0]["example"] == {"shape": [1, 2], "values": [0]}


@pytest.mark.parametrize("text", ["text", "", "1", b"\x89PNG"])
def test_strings_are_tried_until_one_is_taken(text: str | bytes) -> None:
    backend = Recorder(
        TensorSpec("x", "string", (None,)),
        check=lambda array: array[0][: len(text)] == text and len(array[0]) >= len(text),
    )
    signature, ran = warm_up(backend)
    assert ran.skipped is None
    assert signature.tried
    described = describe(signature)["inputs"][0].get("example")
    if text == "text":
        assert described is None
    elif isinstance(text, bytes):
        assert described["values"][0]["b64"].startswith("iVBORw0KGgo")


def test_a_string_may_have_to_be_what_no_one_would_try() -> None:
    backend = Recorder(TensorSpec("x", "string", (1,)), check=lambda _: False)
    signature, ran = warm_up(backend)
    assert ran.skipped == "the model refused all examples: too short"
    assert signature.tried is False
    assert describe(signature)["example_fails"] is True


def test_a_model_without_inputs_runs_on_nothing() -> None:
    signature, ran = warm_up(Recorder())
    assert (ran.inputs, signature.tried) == ([], True)


def test_a_model_with_more_inputs_than_a_request_holds_is_refused() -> None:
    specs = tuple(TensorSpec(f"x{index}", "int8", (1,)) for index in range(1025))
    with pytest.raises(ModelError, match=r"has 1025 inputs, but a request holds at most 1024"):
        check_inputs(Signature(specs, (), True))
    check_inputs(Signature(specs[:1024], (), True))
    optional = (*specs[:1000], *(TensorSpec(f"o{index}", required=False) for index in range(100)))
    check_inputs(Signature(optional, (), True))
