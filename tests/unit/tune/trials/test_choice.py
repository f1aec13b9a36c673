"""Which settings are started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from grps.tune import Settings, Variant
from grps.tune.ranking import Ranked
from grps.tune.trials.choice import first_choice, in_both_forms, neighbours, shortlist
from tests.unit.tune.made import CONFIG, ONE, TWO

OTHER = Variant("openvino", 1)
SPINNING = Variant("onnxruntime", 2, (("allow_spinning", True),))
CONVERTING = msgspec.structs.replace(CONFIG, converter_type="own")
"""A model that native threads can't run: its converter is in Python."""


def ranked(*found: tuple[Settings, float]) -> list[Ranked]:
    return [Ranked(settings, score, None) for settings, score in found]


def settings_of(found: Sequence[Ranked]) -> list[Settings]:
    return [one.settings for one in found]


def test_engines_and_threads_come_first_then_kinds_then_batches() -> None:
    best, smaller = Settings(ONE, max_batch=8), Settings(ONE, max_batch=4)
    two_runs, other = Settings(ONE, runs=2, max_batch=8), Settings(OTHER)
    far, spinning = Settings(TWO), Settings(SPINNING)
    found = ranked(
        (best, 100.0), (smaller, 99.0), (two_runs, 98.0), (other, 75.0), (spinning, 74.9), (far, 74)
    )
    wanted = [best, other, two_runs, spinning, far, smaller]
    assert settings_of(shortlist(found, 9)) == wanted
    assert settings_of(shortlist(found, 3)) == wanted[:3]
    assert shortlist([], 3) == []


def test_options_of_an_engine_are_not_another_engine() -> None:
    plain, spinning, other = Settings(TWO), Settings(SPINNING), Settings(ONE)
    found = ranked((spinning, 100.0), (plain, 99.0), (other, 98.0))
    assert settings_of(shortlist(found, 2)) == [spinning, other]


def test_low_values_are_close_as_well_as_high_ones() -> None:
    found = ranked((Settings(ONE), -3.0), (Settings(ONE, runs=2), -3.5), (Settings(OTHER), -4.0))
    assert settings_of(shortlist(found, 2)) == [Settings(ONE), Settings(OTHER)]
    far = [*found[:2], Ranked(Settings(OTHER), -4.01, None)]
    assert settings_of(shortlist(far, 2)) == [Settings(ONE), Settings(ONE, runs=2)]


def test_the_native_form_is_tried_where_there_is_one() -> None:
    found = ranked((Settings(ONE), 2.0), (Settings(OTHER), 1.9))
    native = [replace(one.settings, native=True) for one in found]
    assert settings_of(first_choice(found, CONFIG, 2)) == native
    assert settings_of(in_both_forms(found, CONFIG, 3)) == [native[0], Settings(ONE), native[1]]
    assert settings_of(in_both_forms(found, CONFIG, 1)) == native[:1]
    plain = ranked((Settings(ONE), 2.0))
    assert first_choice(plain, CONVERTING, 2) == plain
    assert in_both_forms(plain, CONVERTING, 2) == plain


def test_native_threads_take_the_place_of_processes() -> None:
    in_processes = Settings(ONE, runs=2, isolation="process")
    in_threads = Settings(ONE, runs=2)
    found = ranked((in_processes, 2.0), (in_threads, 1.9), (Settings(ONE), 1.8))
    native = replace(in_threads, native=True)
    wanted = [native, Settings(ONE, native=True)]
    assert settings_of(first_choice(found, CONFIG, 3)) == wanted
    assert settings_of(in_both_forms(found, CONFIG, 3)) == [native, in_processes, wanted[1]]
    assert first_choice(found, CONVERTING, 3) == found


def test_neighbours_differ_in_one_thing() -> None:
    found = ranked(
        (Settings(ONE, max_batch=8), 100.0),
        (Settings(TWO, max_batch=16), 99.0),
        (Settings(ONE, runs=2, max_batch=16), 98.0),
        (Settings(ONE, max_batch=8, wait_us=500), 97.0),
        (Settings(ONE, max_batch=16), 96.0),
        (Settings(ONE, max_batch=32), 95.0),
        (Settings(ONE, max_batch=2), 94.0),
        (Settings(ONE, max_batch=4), 93.0),
    )
    plain = found[0]
    native = replace(plain, settings=replace(plain.settings, native=True))
    near = neighbours(found, native, CONFIG)
    assert settings_of(near) == [
        Settings(ONE, max_batch=16, native=True),
        Settings(ONE, max_batch=8),
        Settings(ONE, max_batch=2, native=True),
    ]
    assert [one.score for one in near] == [96.0, 100.0, 94.0]
    others = settings_of(neighbours(found, plain, CONFIG))
    assert others == [
        Settings(ONE, max_batch=16),
        Settings(ONE, max_batch=8, native=True),
        Settings(ONE, max_batch=2),
    ]


def test_what_has_no_native_form_has_fewer_neighbours() -> None:
    base = Settings(ONE, isolation="process", runs=2, max_batch=8)
    found = ranked((base, 100.0), (replace(base, max_batch=4), 99.0))
    assert neighbours(found, found[0], CONFIG) == [found[1]]
    assert neighbours(found[:1], found[0], CONFIG) == []
