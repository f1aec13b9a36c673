"""Chooses the settings that are tried under load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from grps.config.schema import ModelConfig
from grps.tune.ranking import NEAR, Ranked, share_of
from grps.tune.settings import Settings
from grps.tune.space import native_form


def shortlist(found: Sequence[Ranked], count: int) -> list[Ranked]:
    """Return the best settings of each engine and its threads, then of each kind, then the others.

    Predictions say less about which of two engines is better than about which of two settings of
    one is: their curves were measured at different times, in which the machine may have had another
    speed, and engines differ in how well they get on with a server.

    Args:
        found: The best first.
        count: Of how many settings.
    """
    close = [one for one in found if share_of(one.score, found[0].score) >= NEAR]
    first = _firsts(close, lambda one: (one.variant.engine, one.variant.threads))
    kinds = _firsts(found, lambda one: (one.variant, one.runs, one.isolation))
    second = [one for one in kinds if one not in first]
    third = [one for one in found if one not in first and one not in second]
    return [*first, *second, *third][:count]


def _firsts(found: Sequence[Ranked], kind: Callable[[Settings], object]) -> list[Ranked]:
    """Return the first of each kind."""
    firsts: dict[object, Ranked] = {}
    for one in found:
        firsts.setdefault(kind(one.settings), one)
    return list(firsts.values())


def first_choice(found: Sequence[Ranked], config: ModelConfig, count: int) -> list[Ranked]:
    """Return the settings to begin with: in native form where there is one.

    Native threads do not wait for each other as those of Python do, so they take the place of
    processes, too.

    Args:
        found: The best first.
        config: The model.
        count: Of how many settings.
    """
    native = [
        _in_form(one, native_form(replace(one.settings, isolation="thread"), config))
        for one in found
    ]
    return shortlist(_firsts(native, lambda settings: settings), count)


def in_both_forms(found: Sequence[Ranked], config: ModelConfig, count: int) -> list[Ranked]:
    """Return what ``first_choice`` does, with the best settings in their other form, too."""
    chosen = first_choice(found, config, count)
    if chosen and chosen[0].settings.native:
        chosen.insert(1, found[0])
    return chosen[:count]


def neighbours(found: Sequence[Ranked], one: Ranked, config: ModelConfig) -> list[Ranked]:
    """Return what is like some settings but for one thing, the likeliest to be better first.

    It has larger or smaller batches, or runs without Python where they run with it, or the other
    way round.

    Args:
        found: The best first.
        one: The settings, and what was predicted of them.
        config: The model.
    """
    plain = replace(one.settings, native=False)
    alike = [other for other in found if _with_batch(other.settings, plain.max_batch) == plain]
    larger = [other for other in alike if other.settings.max_batch > plain.max_batch]
    smaller = [other for other in alike if other.settings.max_batch < plain.max_batch]
    other_form = plain if one.settings.native else native_form(plain, config)

    def as_it_is(other: Ranked) -> Ranked:
        return _in_form(other, replace(other.settings, native=one.settings.native))

    return [
        *map(as_it_is, larger[:1]),
        *([] if other_form is None else [_in_form(one, other_form)]),
        *map(as_it_is, smaller[:1]),
    ]


def _with_batch(settings: Settings, most: int) -> Settings:
    return replace(settings, max_batch=most)


def _in_form(one: Ranked, settings: Settings | None) -> Ranked:
    return one if settings is None else replace(one, settings=settings)
