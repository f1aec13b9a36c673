"""The table, the JSON and the page of a load test."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET

import jsonschema
import pytest

from grps.perf import Constant, Ended
from grps.perf.report.page import to_page
from grps.perf.report.plots import ticks
from grps.perf.report.records import buckets, to_json
from grps.perf.report.session import Session
from grps.perf.report.text import lines, milliseconds, rate_text, table
from grps.perf.slo import read_objectives
from tests.support import REPOSITORY
from tests.unit.perf.measurements import GOOD, NOTHING, failing, measured, spread

SCHEMA = json.loads((REPOSITORY / "docs" / "reference" / "perf-result.schema.json").read_text())
STREAM = measured(
    streaming=True,
    chunks=600,
    tokens=900,
    window=Ended(2.0, 200, 600, 900),
    first=spread(5.0),
    gap=spread(1.0, 2.0),
)
EMPTY = measured(
    succeeded=0, failed=3, latency=NOTHING, intervals=(), elapsed_s=0.0, window=Ended(0.0, 0, 0, 0)
)


def session(*found: object, slo: str = "") -> Session:
    objectives = read_objectives((slo,))
    about = ("h:1", "http", "requests of <x> & 'y'", "2026-01-01T00:00:00+00:00", "Linux, 2 CPUs")
    return Session(*about, tuple(found), objectives)  # type: ignore[arg-type]


SESSIONS = {
    "one": session(GOOD),
    "several": session(GOOD, measured(load=Constant(50.0)), failing(), slo="p99=150ms"),
    "stream": session(STREAM, slo="ttft_p50=9ms"),
    "empty": session(EMPTY, slo="p50=1ms"),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_json_has_its_schema(name: str) -> None:
    found = json.loads(to_json(SESSIONS[name]))
    jsonschema.validate(found, SCHEMA)
    assert len(found["loads"]) == len(SESSIONS[name].measurements)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_page_is_well_formed_and_loads_nothing(name: str) -> None:
    page = to_page(SESSIONS[name])
    head, _, content = page.partition("\n")
    assert head == "<!DOCTYPE html>"
    tree = ET.fromstring(content)
    assert not {"script", "link", "img", "iframe", "object"} & {one.tag for one in tree.iter()}
    names = {attribute for one in tree.iter() for attribute in one.attrib}
    assert not {"href", "src", "xlink:href"} & names
    assert not re.search(r"url\(|@import|https?:", content)
    assert "prefers-color-scheme:dark" in content
    assert "<x>" not in content.replace("&lt;x&gt;", "")
    assert not re.search(r'="(?:nan|inf|-inf)|[ ,"](?:nan|inf)[ ,"]', content)


def test_a_page_has_the_plots_of_each_load() -> None:
    _, _, content = to_page(SESSIONS["several"]).partition("\n")
    titles = [one.text for one in ET.fromstring(content).iter("figcaption")]
    assert titles.count("Latencies") == 3
    assert titles.count("Latency in each second") == 3
    assert {"Latency by percentile", "Latency by load"} <= set(titles)
    stream = to_page(SESSIONS["stream"])
    assert "Times to the first chunk" in stream


def test_the_table_has_a_row_for_each_load() -> None:
    head, first, second, third = table(SESSIONS["several"])
    assert first[:5] == ("concurrency 4", "100.0", "200", "0", "100 ms")
    assert second[0] == "50 requests/s"
    assert (third[3], head[-1]) == ("10", "SLO")
    assert {row[-1] for row in (first, second, third)} == {"missed"}
    stream = dict(zip(*table(SESSIONS["stream"]), strict=True))
    assert (stream["TTFT P50"], stream["ITL P99"], stream["TOKENS/S"]) == ("5 ms", "2 ms", "450.0")
    assert table(SESSIONS["empty"])[1][4] == "-"


def test_failures_and_objectives_are_said() -> None:
    said = "\n".join(lines(SESSIONS["several"]))
    assert "9 failed: HTTP 503: queue <full> & closed" in said
    assert "SLO missed at concurrency 4: p99=150ms, measured 198 ms" in said
    assert "SLO met at no load" in said
    assert "generator: concurrency 4: 1 thread, 5% of a CPU, ceiling about 2000" in said
    best = session(GOOD, measured(load=Constant(9.0), latency=spread(900.0)), slo="p99=0.2s")
    assert "most within the SLO: 100.0 requests/s at concurrency 4" in lines(best)


def test_durations_have_a_unit_that_fits() -> None:
    values = (0.0421, 1.5, 999.4, 1000, 123456.0, math.inf, math.nan)
    shown = ["42 us", "1.5 ms", "999 ms", "1 s", "123 s", "never", "-"]
    assert [milliseconds(value) for value in values] == shown


def test_buckets_keep_all_counts() -> None:
    values = spread(0.5, 1.0, 3.0, 100.0)
    found = buckets(values)
    assert sum(count for _, count in found) == 4
    assert found[0][0] == 0.5
    assert [upper for upper, _ in found] == sorted(upper for upper, _ in found)


def test_ticks_are_round() -> None:
    assert ticks(0, 9.3) == [0, 2, 4, 6, 8]
    assert ticks(0.02, 70, is_log=True) == [0.1, 1, 10]
    assert ticks(3, 3) == [3]


@pytest.mark.parametrize(
    ("rate", "text"), [(0.5, "0.5"), (999.94, "999.9"), (9999.9, "10000"), (12345.6, "12346")]
)
def test_rates_have_no_exponent(rate: float, text: str) -> None:
    assert rate_text(rate) == text
