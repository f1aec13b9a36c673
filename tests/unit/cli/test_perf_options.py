"""The values of the flags of ``grpst perf``."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from grps.cli.perf.options import read_headers, read_loads, read_shapes
from grps.perf import Closed, Constant, Poisson


def test_loads() -> None:
    assert read_loads(None, None, None, arrivals="poisson", seed=1) == [Closed(16)]
    assert read_loads("1,8", None, None, arrivals="poisson", seed=1) == [Closed(1), Closed(8)]
    assert read_loads(None, "0.5", None, arrivals="poisson", seed=7) == [Poisson(0.5, 7)]
    assert read_loads(None, "2", None, arrivals="constant", seed=7) == [Constant(2.0)]


@pytest.mark.parametrize(
    ("concurrency", "rate", "said"),
    [
        ("0", None, "use numbers above 0"),
        ("1,", None, "use numbers above 0"),
        ("1.5", None, "use whole numbers"),
        (None, "inf", "use numbers above 0"),
        (None, "nan", "use numbers above 0"),
        (",".join(["1"] * 65), None, "at most 64 levels"),
        ("1", "1", "give either --concurrency or --rate"),
    ],
)
def test_wrong_loads_are_refused(concurrency: str | None, rate: str | None, said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        read_loads(concurrency, rate, None, arrivals="poisson", seed=1)
    assert len(read_loads(",".join(["1"] * 64), None, None, arrivals="poisson", seed=1)) == 64


def test_a_trace_is_a_load(tmp_path: Path) -> None:
    file = tmp_path / "times"
    file.write_text("1\n2\n")
    (trace,) = read_loads(None, None, file, arrivals="poisson", seed=1)
    assert trace.name == "times"


def test_shapes_and_headers() -> None:
    assert read_shapes(("x=1,2", "y=", "3x4")) == {"x": (1, 2), "y": (), "": (3, 4)}
    assert read_headers(("X-A: b:c",)) == (("x-a", "b:c"),)
    for wrong in ("x=1,-2", "=1", "x=a"):
        with pytest.raises(click.UsageError, match="use NAME=1,3,224,224"):
            read_shapes((wrong,))
    for wrong in ("x", ": y"):
        with pytest.raises(click.UsageError, match="use 'NAME: VALUE'"):
            read_headers((wrong,))
