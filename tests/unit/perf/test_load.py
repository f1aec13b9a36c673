"""Loads, and the files of traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.perf import (
    Closed,
    Limits,
    PerfError,
    Poisson,
    Prepared,
    Request,
    Target,
    Trace,
    Window,
    read_trace,
)
from grps.perf.running import make_plan


def trace(folder: Path, text: str) -> Trace:
    file = folder / "times.txt"
    file.write_text(text)
    return read_trace(file)


def test_a_trace_counts_from_its_first_request(tmp_path: Path) -> None:
    found = trace(tmp_path, '# times\n10.5\n\n11\n{"at_s": 12.5, "path": "/x"}\n')
    assert found.seconds == (0.0, 0.5, 2.0)
    assert found.level == 1.5
    assert found.name == "times.txt"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\nsoon\n", "times.txt:2: 'soon' is no time"),
        ("2\n1\n", "times.txt:2: '1' is earlier than the line before"),
        ("true\n", "is no time"),
        ("# nothing\n", "has no times"),
    ],
)
def test_a_wrong_trace_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PerfError, match=said.replace("(", r"\(")):
        trace(tmp_path, text)


def test_a_plan_has_what_the_generator_reads() -> None:
    request = Request("/x", b"body", headers=(("a", "b"),))
    prepared = Prepared("http", (request, request), "two", streaming=True)
    plan, bodies = make_plan(
        Target("h", 1), prepared, Poisson(5.0, 3), Window(0.5, 2.0, 7), Limits(threads=4)
    )
    assert bodies == [b"body", b"body"]
    assert plan["load"] == {"open": {"poisson": {"rate": 5.0, "seed": 3}}}
    assert plan["window"] == {"warmup_s": 0.5, "duration_s": 2.0, "count": 7}
    assert [one["body"] for one in plan["requests"]] == [0, 1]
    assert (plan["threads"], plan["streaming"]) == (4, True)
    # A thread without a request would have nothing to do.
    few, _ = make_plan(Target("h", 1), prepared, Closed(2), Window(), Limits(threads=4))
    assert few["threads"] == 2
