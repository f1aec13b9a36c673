"""The first run of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from grps.backends.backend import Signature, TensorSpec
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


def test_runs_once_on_zeros() -> None:
    backend = Recorder(
        TensorSpec("x", "float16", (None, 3)),
        TensorSpec("s", "string", (2,)),
        TensorSpec("n", "int64", ()),
        TensorSpec("o", "int64", (1,), required=False),
    )
    assert warm_up(backend) is None
    [[x, s, n]] = backend.seen
    assert (x.shape, x.dtype.name, x.any()) == ((1, 3), "float16", np.False_)
    assert s.tolist() == ["", ""]
    assert n.shape == ()


@pytest.mark.parametrize(
    "spec", [TensorSpec("x"), TensorSpec("x", "int8"), TensorSpec("x", None, (1,))]
)
def test_skips_what_it_can_not_shape(spec: TensorSpec) -> None:
    backend = Recorder(spec)
    assert warm_up(backend) == "the model does not report the type or shape of its input x"
    assert backend.seen == []


def test_skips_an_unknown_number_of_inputs() -> None:
    assert warm_up(Recorder(open_ended=True)) == "the model does not report its inputs"


def test_tries_sizes_until_one_fits() -> None:
    backend = Recorder(
        TensorSpec("x", "float32", (None, None, 2)), check=lambda array: array.shape[1] >= 64
    )
    assert warm_up(backend) is None
    assert [inputs[0].shape for inputs in backend.seen] == [(1, 1, 2), (1, 8, 2), (1, 64, 2)]


def test_gives_the_reason_when_no_size_fits() -> None:
    backend = Recorder(TensorSpec("x", "float32", (None, None)), check=lambda _: False)
    assert warm_up(backend) == "the model refused zeros: too short"
    assert len(backend.seen) == 4
    batch_only = Recorder(TensorSpec("x", "float32", (None, 2)), check=lambda _: False)
    assert warm_up(batch_only) == "the model refused zeros: too short"
    assert len(batch_only.seen) == 1


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
    assert warm_up(backend) is None
    assert [[array.shape for array in seen] for seen in backend.seen] == [[(3, 5)]]


def test_tries_an_example_once() -> None:
    spec = TensorSpec("x", "int8", (None, None), example=(3, 5))
    backend = Recorder(spec, check=lambda _: False)
    assert warm_up(backend) == "the model refused zeros: too short"
    assert len(backend.seen) == 1
