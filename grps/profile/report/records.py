"""A profile as JSON. ``docs/reference/profile-result.schema.json`` describes it."""

from __future__ import annotations

import json
from typing import Any

from grps.backends.operators import Operator, TensorForm
from grps.profile.curves import Point, quantile
from grps.profile.memory import Memory
from grps.profile.result import Measured, Profile, kinds_of, standing
from grps.profile.user_code import UserProfile

FORMAT = "grps-profile/1"
_MS_PER_S = 1000
_DIGITS = 6


def to_json(profile: Profile | UserProfile) -> str:
    """Return a profile as JSON text."""
    record = _of_user_code(profile) if isinstance(profile, UserProfile) else _of_model(profile)
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _of_model(profile: Profile) -> dict[str, Any]:
    recording = profile.recording
    return {
        "format": FORMAT,
        "kind": "model",
        "model": profile.model,
        "engine": profile.engine,
        "device": profile.device,
        "inputs": profile.inputs,
        "threads": profile.threads,
        "run_ms": _durations(profile.plain),
        "profiled": {
            "runs": recording.runs,
            "run_ms": _ms(profile.per_run(recording.wall_s)),
            "explained": round(profile.explained, _DIGITS),
            "explained_with_profiler": round(recording.explained, _DIGITS),
            "outside_ms": {name: _ms(profile.per_run(time)) for name, time in profile.outside()},
        },
        "operators": [_operator(profile, one) for one in profile.operators()],
        "kinds_ms": {
            kind: _ms(profile.per_run(time)) for kind, time in kinds_of(recording.operators).items()
        },
        "batches": _curve(profile.batches),
        "thread_counts": _curve(profile.thread_counts),
        "memory_bytes": _memory(profile.memory),
        "machine": _machine(profile),
        "notes": list(profile.notes),
    }


def _operator(profile: Profile, one: Operator) -> dict[str, Any]:
    place = standing(one, profile.roof)
    return {
        "kind": one.kind,
        "name": one.name,
        "inputs": [_form(form) for form in one.inputs],
        "outputs": [_form(form) for form in one.outputs],
        "calls_per_run": round(one.calls / profile.recording.runs, _DIGITS),
        "run_ms": _ms(profile.per_run(one.seconds)),
        "share": round(profile.share(one.seconds), _DIGITS),
        "moved_bytes": one.moved_bytes,
        "flops": one.flops,
        "flops_per_s": place.flops_per_s,
        "bytes_per_s": place.bytes_per_s,
        "intensity": place.intensity,
        "bound": place.bound or None,
        "share_of_roof": place.share,
        "runs_as": one.runs_as,
    }


def _form(form: TensorForm) -> dict[str, Any]:
    return {"dtype": form.dtype, "shape": list(form.shape)}


def _curve(measured: Measured) -> dict[str, Any]:
    if measured.curve is None:
        return {"points": [], "reason": measured.reason}
    points = [{"size": point.size, **_durations(point)} for point in measured.curve.points]
    return {"points": points, "reason": measured.curve.ended}


def _durations(point: Point) -> dict[str, Any]:
    found = {f"p{share}": _ms(quantile(point.durations_s, share / 100)) for share in (50, 90, 99)}
    return {"count": len(point.durations_s), **found}


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "before": memory.before,
        "loaded": memory.loaded,
        "peak": memory.peak,
        "file": memory.file,
    }


def _machine(profile: Profile) -> dict[str, Any] | None:
    machine = profile.machine
    if machine is None:
        return None
    return {
        "processor": machine.processor,
        "cpus": machine.cpus,
        "library": machine.library,
        "roofs": [
            {
                "threads": roof.threads,
                "flops_per_s": roof.flops_per_s,
                "bytes_per_s": roof.bytes_per_s,
            }
            for roof in machine.roofs
        ],
    }


def _of_user_code(profile: UserProfile) -> dict[str, Any]:
    samples, requests = profile.samples, max(1, profile.requests)
    return {
        "format": FORMAT,
        "kind": "user_code",
        "project": profile.project,
        "model": profile.model,
        "request": profile.request,
        "run_ms": _durations(profile.plain),
        "sampled": {
            "requests": profile.requests,
            "samples": samples.count,
            "run_ms": _ms(samples.total_s / requests),
            "own": round(profile.own, _DIGITS),
            "explained": round(profile.explained, _DIGITS),
        },
        "functions": [
            {
                "function": frame.function,
                "file": frame.file,
                "line": frame.line,
                "own_ms": _ms(own / requests),
                "with_calls_ms": _ms(whole / requests),
                "is_own": profile.is_own(frame),
            }
            for frame, own, whole in samples.functions()
        ],
        "memory_bytes": _memory(profile.memory),
    }


def _ms(seconds: float) -> float:
    return round(seconds * _MS_PER_S, _DIGITS)
