"""What functions take and return, read from their annotations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pytest

from grps.errors import ConfigError
from grps.inference.app.parameters import Parameter, output_of, parameters_of
from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage


def read(function: Callable[..., Any]) -> dict[str, Parameter]:
    return {one.name: one for one in parameters_of(function, is_method=False)}


def test_arrays_may_declare_their_type_and_shape() -> None:
    def function(  # type: ignore[no-untyped-def]
        a: np.ndarray,
        b: npt.NDArray[np.float32],
        c: Annotated[np.ndarray, "int64[?, 2, rows]"],
        d: Annotated[np.ndarray, "string"],
        e: npt.NDArray[np.str_] | None = None,
        f=None,  # noqa: ANN001
    ) -> None:
        del a, b, c, d, e, f

    found = read(function)
    assert {one.kind for one in found.values()} == {"array"}
    assert (found["a"].dtype, found["a"].shape) == (None, None)
    assert (found["b"].dtype, found["b"].shape) == ("float32", None)
    assert (found["c"].dtype, found["c"].shape) == ("int64", (None, 2, None))
    assert (found["d"].dtype, found["d"].required) == ("string", True)
    assert (found["e"].dtype, found["e"].required) == ("string", False)
    assert (found["f"].dtype, found["f"].required) == (None, False)
    assert found["c"].words == "c (int64[?, 2, ?])"


def test_other_kinds() -> None:
    def function(
        a: str,
        b: bytes,
        c: dict[str, int],
        d: list[int],
        e: float,
        f: GrpsContext,
        g: GrpsMessage,
        h: list[str],
    ) -> None:
        del a, b, c, d, e, f, g, h

    found = read(function)
    kinds = ["text", "bytes", "json", "json", "number", "context", "message", "text"]
    assert [one.kind for one in found.values()] == kinds
    assert [one.name for one in found.values() if one.in_list] == ["h"]


def test_what_is_returned() -> None:
    def array() -> Annotated[np.ndarray, "float32[?]"]: ...  # type: ignore[empty-body]
    def text() -> Iterator[str]: ...  # type: ignore[empty-body]
    def chunks() -> AsyncIterator[bytes]: ...  # type: ignore[empty-body]
    def arrays() -> dict[str, np.ndarray]: ...  # type: ignore[empty-body]
    def anything(): ...  # type: ignore[no-untyped-def]  # noqa: ANN202
    def mapping() -> dict[str, int]: ...  # type: ignore[empty-body]

    output = output_of(array)
    assert output is not None
    assert (output.name, output.dtype, output.shape) == ("output", "float32", (None,))
    found = [output_of(one) for one in (text, chunks, mapping)]
    assert [one and one.kind for one in found] == ["text", "bytes", "json"]
    assert [output_of(one) for one in (arrays, anything)] == [None, None]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda *args: args, "every parameter needs a name"),
        (lambda **names: names, "every parameter needs a name"),
    ],
)
def test_parameters_need_names(function: Callable[..., Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parameters_of(function, is_method=False)


def test_annotations_that_are_no_conversion_are_refused() -> None:
    def unknown(x: set[int]) -> None: ...
    def shape(x: Annotated[np.ndarray, "float32(2)"]) -> None: ...
    def dtype(x: Annotated[np.ndarray, "float31"]) -> None: ...

    with pytest.raises(ConfigError, match="'x' is set, which requests are not converted to; use"):
        read(unknown)
    with pytest.raises(ConfigError, match="is no type and shape; write for example"):
        read(shape)
    with pytest.raises(ConfigError, match="'float31' is no type of tensors"):
        read(dtype)
    unknown.__annotations__["x"] = "nowhere.Type"
    with pytest.raises(ConfigError, match="annotations can't be read \\(NameError"):
        read(unknown)
