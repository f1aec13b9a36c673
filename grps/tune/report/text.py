"""A search as text: a table with a row for each of the settings that were tried, and the end."""

from __future__ import annotations

from grps.perf.report.text import milliseconds, rate_text
from grps.tune.load_of_others import describe
from grps.tune.outcome import Outcome
from grps.tune.trials.result import Trial
from grps.tune.trials.services import DEFAULT

HEAD = ("TRIED", "PREDICTED", "AT MOST", "HELD", "MISSED", "CPU")


def table(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the rows of a table of what was tried, its head first."""
    predicted = {one.name: one.ranked.score for one in outcome.entered}
    names = [DEFAULT, *predicted]
    return [HEAD, *(_row(outcome, name, predicted.get(name)) for name in names)]


def _row(outcome: Outcome, name: str, score: float | None) -> tuple[str, ...]:
    trials = [one for one in outcome.trials if one.name == name]
    rates = {one.rate for one in trials}
    held = max((rate for rate in rates if _holds(trials, rate)), default=None)
    missed = min((rate for rate in rates if rate > (held or 0.0)), default=None)
    cpu = [one.cpu_ms for one in trials if one.rate == held]
    return (
        name,
        "-" if score is None else _predicted(outcome, score),
        _rate(outcome.capacities.get(name)),
        _rate(held),
        _rate(missed),
        milliseconds(sum(cpu) / len(cpu)) if cpu else "-",
    )


def _holds(trials: list[Trial], rate: float) -> bool:
    """Whether most trials at a rate hold the limit; only the longest count."""
    tried = [one for one in trials if one.rate == rate]
    longest_s = max(one.seconds for one in tried)
    held = [one.holds for one in tried if one.seconds == longest_s]
    return sum(held) * 2 > len(held)


def _predicted(outcome: Outcome, score: float) -> str:
    return _rate(score) if outcome.goal.rate is None else milliseconds(-score)


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate_text(rate)}/s"


def lines(outcome: Outcome) -> list[str]:
    """Return what is said below the table: notes, the machine and the verdict."""
    said = [f"note: {note}" for note in outcome.notes]
    said.append(describe(outcome.others))
    took = f"after {outcome.elapsed_s:.0f} s"
    if outcome.verdict == "none":
        said.append(f"no verdict {took}: {outcome.reason}")
    elif outcome.settings is None:
        said.append(f"keep the default {took}: {outcome.reason}")
    else:
        said.append(f"better {took}: {outcome.settings.text}")
        said.append(f"{outcome.gain}: {outcome.reason}")
    return said
