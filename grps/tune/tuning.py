"""The search: curves, simulation, trials under load, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timezone

from grps.machine import usable_cpus
from grps.tune.curves.curve import Curve
from grps.tune.curves.orders import Loaded
from grps.tune.errors import TuneError
from grps.tune.goal import Goal
from grps.tune.measured_curves import MOST_ROWS, measure_every
from grps.tune.outcome import Outcome, Verdict
from grps.tune.prediction import Overhead, Predictor
from grps.tune.quiet import QuietCheck
from grps.tune.ranking import Ranked, rank
from grps.tune.saved import Saved, machine_facts
from grps.tune.search import Report, Search, check_model
from grps.tune.settings import Settings
from grps.tune.space import engines_for, settings_of
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.contest import Contest
from grps.tune.trials.service import Setting, TrialService
from grps.tune.trials.services import DEFAULT

_CURVES_SHARE = 0.3
"""Of the time, after which no other curve is begun."""
_USED_SHARE = 0.95
"""Of the time; the rest is for what began before its end, and for ending the services."""
_LOOK_S = 0.5
_SEVERAL = 8
"""Requests at once, whose CPU time is what a request costs under load."""
_LEAST_OVERHEAD = Overhead(latency_ms=0.05, cpu_ms=0.02)


def tune(search: Search, report: Report = lambda phase, line: None) -> Outcome:
    """Search for the best settings of a model.

    Args:
        search: What is tuned, and how.
        report: Receives the progress.

    Raises:
        BusyMachineError: Others use the machine, before anything is measured.
        TuneError: The model can't be tuned.
        GrpsError: It can't be loaded.
    """
    check_model(search.config)
    started_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    clock, cpus = Clock(search.max_time_s * _USED_SHARE), usable_cpus()
    engines = engines_for(search.config, search.engines)
    if not engines:
        raise TuneError(f"none of {', '.join(search.engines)} is installed and runs this model")
    report("machine", "looking for other load")
    quiet = QuietCheck(cpus)
    if not search.force:
        quiet.refuse_if_busy()
    end = clock.until(_CURVES_SHARE)
    saved, state, notes = measure_every(search, engines, cpus, end, report)
    with ExitStack() as stack:
        report("services", f"starting the {DEFAULT}")
        most_others = math.inf if search.force else quiet.most_others
        setting = _setting(search, saved)
        contest = Contest(search.config, setting, clock, report, stack, most_others)
        report("simulation", "the batcher on the curves")
        predictor = _predictor(search, saved, cpus, contest.services.default)
        ranked = _ranked(search, saved, predictor)
        settings, found = contest.run(ranked) if ranked else (None, None)
        contest.services.stop()
    if contest.trials.disturbed:
        notes.append(f"{contest.trials.disturbed} trials were repeated, as others used the machine")
    verdict, reason = _verdict(search.goal, contest, ranked, found)
    missed = found.rate if found is not None and found.is_missed_by_default else math.inf
    ending = quiet.end()
    is_unanimous = found is not None and found.is_unanimous
    trouble, note = ending.doubts(force=search.force, is_unanimous=is_unanimous)
    if note is not None:
        notes.append(note)
    if trouble is not None:
        verdict, reason = "none", trouble
    state.remove()
    return Outcome(
        verdict=verdict,
        reason=reason,
        search=search,
        settings=settings if verdict == "better" else None,
        curves=saved.curves,
        ranked=tuple(ranked),
        entered=tuple(contest.services.entered),
        trials=tuple(contest.trials.found),
        confirmation=found,
        default_rate=contest.trials.held_by(DEFAULT, missed),
        capacities=contest.capacities.found,
        others=ending.others,
        calibration_ms=(quiet.before_ms, ending.work_ms),
        notes=(*notes, *contest.services.notes, *contest.notes, *_batching_notes(saved)),
        machine=machine_facts(),
        started_at=started_at,
        elapsed_s=clock.elapsed_s,
    )


def _loaded(saved: Saved) -> Loaded:
    assert saved.loaded is not None
    return saved.loaded


def _setting(search: Search, saved: Saved) -> Setting:
    shapes = _loaded(saved).shapes
    return Setting(search.goal, search.protocol, shapes, search.concurrency)


def _batching_notes(saved: Saved) -> list[str]:
    cause = _loaded(saved).not_joined
    return [f"requests can't share a batch: {cause}"] if cause else []


def _predictor(search: Search, saved: Saved, cpus: int, default: TrialService) -> Predictor:
    """Return what predicts, with what serving adds to the model as the default shows it."""
    curves = {one.variant: one for one in saved.curves}
    predictor = Predictor(curves, search.goal, cpus=cpus, concurrency=search.concurrency)
    alone, several = (default.closed(count, _LOOK_S) for count in (1, _SEVERAL))
    model = _model_alone(search, saved)
    predictor.overhead = Overhead(
        max(alone.p50_ms - model.ms(1), _LEAST_OVERHEAD.latency_ms),
        max(several.serving_ms, _LEAST_OVERHEAD.cpu_ms),
    )
    return predictor


def _model_alone(search: Search, saved: Saved) -> Curve:
    """Return a curve that is about that of the default's engine."""
    own = [one for one in saved.curves if one.variant.engine == search.config.inferer_type]
    return (own or list(saved.curves))[0].alone


def _ranked(search: Search, saved: Saved, predictor: Predictor) -> list[Ranked]:
    loaded = _loaded(saved)
    most = 1 if loaded.not_joined else min(MOST_ROWS, search.concurrency)
    most = min(most, loaded.most_rows or most)
    every: list[Settings] = []
    for curves in saved.curves:
        every += settings_of(curves, most)
    return rank(predictor, every, search.goal)


def _verdict(
    goal: Goal, contest: Contest, ranked: Sequence[Ranked], found: Confirmation | None
) -> tuple[Verdict, str]:
    if ranked and not contest.trials.found:
        return "none", "no time was left for trials under load; give more by --max_time"
    if found is not None:
        return ("better" if found.is_better else "keep"), found.reason
    if not ranked:
        at = "at any rate" if goal.rate is None else f"at {goal.rate:g} requests/s"
        return "keep", f"no settings are expected to hold {goal.limit.text} {at}"
    if not any(one.holds for one in contest.trials.found):
        return "keep", f"no settings held {goal.limit.text} at a rate that was tried"
    return "keep", "no settings that were tried did better than the default"
