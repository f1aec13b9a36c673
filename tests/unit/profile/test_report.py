"""The tables, the JSON and the page of a profile."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from grps.backends.operators import Operator, Recording, TensorForm
from grps.profile.curves import Curve, Point
from grps.profile.machine import Machine, Roof
from grps.profile.memory import Memory
from grps.profile.report import text
from grps.profile.report.page import to_page
from grps.profile.report.records import to_json
from grps.profile.result import Measured, Profile
from grps.profile.sampling import Frame, Samples
from grps.profile.user_code import UserProfile
from tests.support import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "docs" / "reference" / "profile-result.schema.json").read_text())
MEMORY = Memory(100 << 20, 150 << 20, 170 << 20, 5 << 20)
X, W, Y = (TensorForm("float32", shape) for shape in ((1, 256), (256, 4), (1, 4)))
OPERATORS = (
    Operator(kind="Relu", name="r<1>", inputs=(Y,), outputs=(Y,), seconds=0.010, calls=10),
    Operator(kind="MatMul", name="m", inputs=(X, W), outputs=(Y,), seconds=0.080, calls=10,
             flops=2048.0),
    Operator(kind="Shape", seconds=0.005, calls=5),
)  # fmt: skip
MACHINE = Machine("A processor", 2, "numpy", (Roof(1, 1e9, 1e9), Roof(2, 2e9, 1.5e9)))
MODEL = Profile(
    model="m & co.onnx",
    engine="ONNX Runtime",
    device="cpu",
    inputs="x float32[1,256] (random)",
    threads=2,
    plain=Point(1, (0.009, 0.011, 0.010)),
    recording=Recording(runs=10, wall_s=0.1, engine_s=0.098, covered_s=0.095, operators=OPERATORS),
    batches=Measured(Curve((Point(1, (0.01,)), Point(2, (0.015,)), Point(3, (0.016,))), "4: no")),
    thread_counts=Measured(Curve((Point(1, (0.02,)), Point(2, (0.01,))))),
    memory=MEMORY,
    machine=MACHINE,
    notes=("a note",),
)
BARE = replace(
    MODEL,
    batches=Measured(reason="its inputs have no rows"),
    thread_counts=Measured(reason="not asked for"),
    machine=None,
    memory=replace(MEMORY, peak=None),
    recording=replace(MODEL.recording, operators=(), covered_s=0.0),
)
OWN, LIBRARY = Frame("/p/src/a.py", "A.infer", 3), Frame("/x/site-packages/n/b.py", "sort<", 9)
USER = UserProfile(
    project="/p",
    model="m-1.0.0",
    request="given",
    plain=Point(1, (0.1, 0.3)),
    requests=10,
    samples=Samples({(OWN,): 0.25, (OWN, LIBRARY): 0.7, (LIBRARY,): 0.05}, 500),
    memory=MEMORY,
    folder=Path("/p"),
)
PROFILES: dict[str, Profile | UserProfile] = {
    "model": MODEL,
    "bare": BARE,
    "user": USER,
    "unseen": replace(USER, samples=Samples({}, 0)),
}


@pytest.mark.parametrize("name", PROFILES)
def test_json_has_its_schema(name: str) -> None:
    jsonschema.validate(json.loads(to_json(PROFILES[name])), SCHEMA)


@pytest.mark.parametrize("name", PROFILES)
def test_a_page_is_well_formed_and_loads_nothing(name: str) -> None:
    head, _, content = to_page(PROFILES[name], "2026 & later").partition("\n")
    assert head == "<!DOCTYPE html>"
    tree = ET.fromstring(content)
    assert not {"link", "img", "iframe", "object"} & {one.tag for one in tree.iter()}
    names = {attribute for one in tree.iter() for attribute in one.attrib}
    assert not {"href", "src", "xlink:href"} & names
    assert not re.search(r"url\(|@import|https?:", content)
    assert "prefers-color-scheme:dark" in content
    assert not re.search(r'="(?:nan|inf|-inf)|[ ,"](?:nan|inf)[ ,"]', content)


def test_the_page_of_a_model_has_its_plots() -> None:
    titles = [
        one.text for one in ET.fromstring(to_page(MODEL, "").partition("\n")[2]).iter("figcaption")
    ]
    assert titles == [
        "Time of a run by kind of operator",
        "Operators below the roof of this machine",
        "Latency by rows",
        "Throughput by rows",
        "Latency by threads of a run",
    ]


def test_operators_are_listed_by_time() -> None:
    head, first, second, third, between, around, profiler = text.operator_rows(MODEL)
    found = dict(zip(head, first, strict=True))
    assert found == {
        "OPERATOR": "MatMul",
        "NAME": "m",
        "SHAPES": "float32[1,256] [256,4] > [1,4]",
        "CALLS": "1",
        "TIME": "8 ms",
        "SHARE": "80.0%",
        "MIB": "0.0049",
        "GFLOP/S": "0.000256",
        "GB/S": "0.000642",
        "ROOF": "0% memory",
    }
    assert (second[0], third[:4]) == ("Relu", ("Shape", "", "", "0.5"))
    assert (between[0], between[5]) == ("(engine, between operators)", "3.0%")
    assert (around[0], around[5]) == ("(before and after the engine)", "2.0%")
    assert (profiler[0], profiler[5]) == ("(profiler)", "0.0%")
    _, _, others, *_ = text.operator_rows(MODEL, 1)
    assert (others[0], others[4], others[5]) == ("2 others", "1.5 ms", "15.0%")
    assert text.explained_line(MODEL) == (
        "operators explain 95.0% of the time of 10 runs without that of the profiler, 95.0% with it"
    )


def test_shares_of_all_rows_are_the_whole() -> None:
    shares = [float(row[5].rstrip("%")) for row in text.operator_rows(MODEL)[1:]]
    assert sum(shares) == pytest.approx(100)


def test_operators_side_by_side_are_said() -> None:
    found = replace(MODEL, recording=replace(MODEL.recording, covered_s=0.0475))
    assert "side by side, 2.00 at once" in text.explained_line(found)


def test_what_was_not_measured_has_its_reason() -> None:
    said = "\n".join(text.notes(BARE))
    assert "no latency by rows: its inputs have no rows" in said
    assert "roof" not in said
    said = "\n".join(text.notes(MODEL))
    assert "latency by rows ends before 4: no" in said
    assert "a note" in said


def test_what_is_known_is_said_first() -> None:
    known = dict(text.head_lines(MODEL))
    assert known["run"] == "10 ms (median of 3, 2 threads); 10 ms with the profiler"
    assert known["memory"] == (
        "100.0 MiB before the model, 50.0 MiB more with it (its files have 5.0 MiB); "
        "at most 170.0 MiB in runs"
    )
    assert known["machine"] == "A processor: 2 threads reach at most 2 GFLOP/s and 1.5 GB/s"
    assert "at most" not in dict(text.head_lines(BARE))["memory"]


def test_curves_are_tables() -> None:
    assert MODEL.batches.curve is not None
    assert text.batch_rows(MODEL.batches.curve)[2] == ("2", "15 ms", "15 ms", "133.3", "7.5 ms")
    assert MODEL.thread_counts.curve is not None
    assert text.thread_rows(MODEL.thread_counts.curve)[2] == ("2", "10 ms", "10 ms", "2.00")


def test_functions_have_their_own_time_and_that_of_calls() -> None:
    _, first, second = text.function_rows(USER)
    assert first == ("sort<", "n/b.py:9", "75 ms", "75.0%", "75 ms", "75.0%")
    assert second == ("A.infer", "src/a.py:3", "25 ms", "25.0%", "95 ms", "95.0%")
    assert USER.explained == pytest.approx(0.95)
    assert text.user_notes(USER) == [
        "the project's code and what it calls explain 95.0% of the time; the rest, 5.0%, is GRPS "
        "around it"
    ]


def test_a_flame_graph_has_a_frame_for_each_stack() -> None:
    tree = ET.fromstring(to_page(USER, "").partition("\n")[2])
    frames = {
        (one.attrib["data-name"], one.attrib["data-depth"]): one
        for one in tree.iter("g")
        if "data-name" in one.attrib
    }
    own, inner, other = (
        frames[key]
        for key in (("A.infer (a.py:3)", "0"), ("sort< (b.py:9)", "1"), ("sort< (b.py:9)", "0"))
    )
    assert (own.attrib["class"], inner.attrib["class"]) == ("own", "library")
    assert [float(one.attrib["data-length"]) for one in (own, inner, other)] == [0.95, 0.7, 0.05]
    assert float(other.attrib["data-start"]) == 0.95


def test_long_texts_lose_their_middle() -> None:
    assert text.shortened("abcdefghij", 10) == "abcdefghij"
    assert text.shortened("abcdefghijk", 10) == "abcd…ghijk"
