"""A search as JSON. ``docs/reference/tune-result.schema.json`` describes it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from grps.tune.curves.curve import Curves
from grps.tune.outcome import Outcome
from grps.tune.ranking import Ranked
from grps.tune.settings import model_config
from grps.tune.trials.result import Trial

FORMAT = "grps-tune/1"
_MOST_RANKED = 50


def to_json(outcome: Outcome) -> str:
    """Return a search as JSON text."""
    return json.dumps(to_record(outcome), indent=1, ensure_ascii=False) + "\n"


def to_record(outcome: Outcome) -> dict[str, Any]:
    """Return a search as JSON has it."""
    goal, found = outcome.goal, outcome.confirmation
    return {
        "format": FORMAT,
        "model": outcome.base.key,
        "path": outcome.base.inferer_path,
        "slo": goal.limit.text,
        "objective": goal.objective,
        "rate": goal.rate,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "gain": outcome.gain,
        "changes": outcome.changes,
        "goodput": _goodput(outcome),
        "started_at": outcome.started_at,
        "elapsed_s": round(outcome.elapsed_s, 2),
        "machine": outcome.machine,
        "others_cpus": round(outcome.others.others, 3),
        "calibration_ms": [round(one, 2) for one in outcome.calibration_ms],
        "curves": [_curves(one) for one in outcome.curves],
        "predictions": [_ranked(outcome, one) for one in outcome.ranked[:_MOST_RANKED]],
        "capacities": {name: _number(rate) for name, rate in outcome.capacities.items()},
        "trials": [_trial(one) for one in outcome.trials],
        "confirmation": None
        if found is None
        else {
            "rate": found.rate,
            "pairs": [{"tuned": _trial(one), "default": _trial(two)} for one, two in found.pairs],
            "soak": _trial(found.soak) if found.soak is not None else None,
        },
        "notes": list(outcome.notes),
    }


def _goodput(outcome: Outcome) -> dict[str, float | None]:
    found = outcome.confirmation
    tuned = found.goodput if found is not None and outcome.verdict == "better" else None
    return {"tuned": tuned, "default": outcome.default_rate or None}


def _curves(curves: Curves) -> dict[str, Any]:
    return {
        "variant": curves.variant.text,
        "engine": curves.variant.engine,
        "threads": curves.variant.threads,
        "options": dict(curves.variant.options),
        "load_s": round(curves.load_s, 3),
        "curves": [
            {
                "parallel": one.parallel,
                "isolation": one.isolation,
                "points": [
                    {"rows": at.rows, "ms": round(at.ms, 4), "cpu_ms": round(at.cpu_ms, 4)}
                    for at in one.points
                ],
            }
            for one in curves.found
        ],
    }


def _ranked(outcome: Outcome, one: Ranked) -> dict[str, Any]:
    config = model_config(outcome.base, one.settings)
    predicted = None
    if one.predicted is not None:
        predicted = {key: _number(value) for key, value in asdict(one.predicted).items()}
    return {
        "settings": one.settings.text,
        "inferer_type": config.inferer_type,
        "inferer_args": config.inferer_args,
        "instances": config.instances,
        "isolation": config.isolation,
        "max_batch_size": one.settings.max_batch,
        "wait_us": one.settings.wait_us,
        "predicted": predicted,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {key: _number(value) for key, value in asdict(trial).items()}


def _number(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 4) if math.isfinite(value) else None
