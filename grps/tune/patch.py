"""The best settings as a part of ``inference.yml``, and put into one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from grps.config.document import read_text
from grps.config.edit import with_entry_values
from grps.config.schema import ModelConfig
from grps.perf.report.text import milliseconds, rate_text
from grps.server.configuration import parse_inference
from grps.server.files import write_atomically
from grps.tune.errors import TuneError
from grps.tune.load_of_others import describe
from grps.tune.outcome import Outcome
from grps.tune.trials.result import Trial

BACKUP = ".before-tune"
"""What the name of the file that was there gets at its end."""


def to_yaml(outcome: Outcome) -> str:
    """Return the changes as a part of ``inference.yml``, with the evidence as comments."""
    evidence = "".join(f"# {line}".rstrip() + "\n" for line in _evidence(outcome))
    if not outcome.changes:
        return evidence
    model: dict[str, Any] = {"name": outcome.base.name, "version": outcome.base.version}
    entry = {**model, **outcome.changes}
    return evidence + yaml.safe_dump({"models": [entry]}, sort_keys=False, allow_unicode=True)


def _evidence(outcome: Outcome) -> Iterator[str]:
    yield f"grpst tune, {outcome.started_at}, {outcome.elapsed_s:.0f} s: {outcome.goal.text}"
    yield f"model {outcome.base.key}: {outcome.base.inferer_path}"
    yield f"machine: {outcome.machine['cpu']}, {outcome.machine['cpus']} CPUs"
    yield f"{describe(outcome.others)}"
    yield ""
    if outcome.settings is None:
        yield f"no changes: {outcome.reason}"
    else:
        yield f"{outcome.settings.text}"
        yield f"{outcome.gain}: {outcome.reason}"
    found = outcome.confirmation
    if found is not None and found.pairs:
        yield "trials by turns:"
        for tuned, default in found.pairs:
            both = f"tuned {_said(outcome, tuned)}; default {_said(outcome, default)}"
            yield f"  {rate_text(tuned.rate)} requests/s: {both}"
    if found is not None and found.soak is not None:
        seconds, rate = found.soak.seconds, rate_text(found.soak.rate)
        yield f"trial of {seconds:.0f} s at {rate} requests/s: tuned {_said(outcome, found.soak)}"
    for note in outcome.notes:
        yield f"note: {' '.join(note.split())}"


def _said(outcome: Outcome, trial: Trial) -> str:
    value = f"{outcome.goal.limit.metric} {milliseconds(trial.latency_ms)}"
    return f"{value} ({'holds' if trial.holds else 'misses'}), CPU {trial.cpu_ms:.3g} ms"


def apply(outcome: Outcome, file: Path, written: ModelConfig) -> Path:
    """Put the settings into an ``inference.yml`` and return where the old one is kept.

    Args:
        outcome: A search that has found better settings.
        file: The ``inference.yml``.
        written: The model as the file had it when the search began.

    Raises:
        TuneError: The file has changed since it was read, or does not have the model.
        ConfigError: It can't be read, or the result would break a rule; nothing is written then.
    """
    file = file.resolve()  # a link stays one
    text = read_text(file)
    models = parse_inference(text, str(file)).models
    index = next((at for at, one in enumerate(models) if one.key == outcome.base.key), None)
    if index is None or models[index] != written:
        raise TuneError(
            f"{file}: model {outcome.base.key} is no longer as it was when the search began; "
            "nothing is changed"
        )
    edited = with_entry_values(text, str(file), "models", index, outcome.changes)
    parse_inference(edited, str(file))
    backup = file.with_name(file.name + BACKUP)
    numbers = count(2)
    while backup.exists():  # the file before the first search is not lost by the second
        backup = file.with_name(f"{file.name}{BACKUP}-{next(numbers)}")
    mode = os.stat(file).st_mode & 0o777
    write_atomically(backup, file.read_bytes(), mode)
    write_atomically(file, edited.encode(), mode)
    return backup
