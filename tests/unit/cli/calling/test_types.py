from __future__ import annotations

import numpy as np
import pytest

from grps.cli.calling.types import types_of


@pytest.mark.parametrize(
    ("entry", "dtype"),
    [
        ({"dtype": "float32"}, "float32"),
        ({"dtype": "DT_INT8"}, "int8"),
        ({"dtype": "string"}, "object"),
        ({"datatype": "FP16"}, "float16"),
        ({"datatype": "UINT64"}, "uint64"),
        ({"datatype": "BYTES"}, "object"),
        ({"datatype": "BOOL"}, "bool"),
    ],
)
def test_types_of_both_protocols(entry: dict[str, str], dtype: str) -> None:
    assert types_of({"inputs": [{"name": "x", **entry}]}) == {"x": np.dtype(dtype)}


@pytest.mark.parametrize(
    "description",
    [{}, {"inputs": None}, {"inputs": ["x"]}, {"inputs": [{"name": "x", "datatype": "BF16"}]}],
)
def test_what_is_not_known_is_missing(description: dict[str, object]) -> None:
    assert types_of(description) == {}
