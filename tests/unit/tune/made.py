"""Curves, services and searches for tests, made and not measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from grps.config.schema import ModelConfig
from grps.tune import Goal, Search, Settings, Variant, read_goal
from grps.tune.curves.curve import Curve, Curves, Point
from grps.tune.load_of_others import Use
from grps.tune.outcome import Outcome
from grps.tune.prediction import Predictor
from grps.tune.ranking import rank
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import Trials
from grps.tune.trials.services import DEFAULT, Entered

GOAL = read_goal(("p99=20ms",), "throughput", None)
ONE = Variant("onnxruntime", 1)
TWO = Variant("onnxruntime", 2)
CONFIG = ModelConfig(
    name="net",
    version="1.0.0",
    device="cpu",
    inferer_type="onnxruntime",
    inferer_path="net.onnx",
    converter_type="numpy",
)


def curve(parallel: int, fixed_ms: float, row_ms: float) -> Curve:
    """A curve of runs that take a fixed time and a time for each row."""
    sizes = (1, 2, 4, 8, 16, 32)
    points = tuple(
        Point(rows, fixed_ms + row_ms * rows, fixed_ms + row_ms * rows, (1.0,)) for rows in sizes
    )
    return Curve(parallel, "thread", points)


def curves(variant: Variant, fixed_ms: float, row_ms: float, slower: float = 1.0) -> Curves:
    """Curves of one run and of two at once, which are slower by a factor."""
    found = (curve(1, fixed_ms, row_ms), curve(2, fixed_ms * slower, row_ms * slower))
    return Curves(variant, 0.1, found)


def predictor(*found: Curves, goal: Goal = GOAL, cpus: int = 2) -> Predictor:
    """What predicts on curves."""
    return Predictor({one.variant: one for one in found}, goal, cpus=cpus, concurrency=32)


def trial(name: str, rate: float, latency_ms: float, cpu_ms: float = 1.0) -> Trial:
    """A trial in which all requests succeeded."""
    return Trial(name, rate, 1.0, latency_ms, 1.0, rate, cpu_ms, latency_ms <= GOAL.limit_ms, 0.0)


def trials(goal: Goal = GOAL) -> Trials:
    """What runs trials, and tells nobody."""
    return Trials(goal, lambda trial: None)


class Time:
    """A time that goes on by what trials take."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.now = 0.0

    def clock(self, seconds: float) -> Clock:
        """Return a clock that counts down."""
        return Clock(seconds, now=lambda: self.now)


@dataclass
class Fake:
    """A service that holds the limit up to a rate; ``wrong`` says which of its trials are not so.

    Attributes:
        name: What it is called.
        most: The highest rate at which its latency is half of the limit.
        wrong: Numbers of trials that come out the other way round, from 0.
        cpu_ms: CPU time of a request.
        time: What its trials take.
    """

    name: str
    most: float
    wrong: tuple[int, ...] = ()
    cpu_ms: float = 1.0
    latency_ms: Callable[[float], float] | None = None
    rates: list[float] = field(default_factory=list)
    time: Time = field(default_factory=Time)

    def at(self, rate: float, seconds: float, seed: int) -> Trial:
        """Try it at a rate."""
        holds = (rate <= self.most) != (len(self.rates) in self.wrong)
        self.rates.append(rate)
        self.time.now += seconds
        value = GOAL.limit_ms * (0.5 if holds else 3.0)
        if self.latency_ms is not None:
            value = self.latency_ms(rate)
        return trial(self.name, rate, value, self.cpu_ms)


def outcome(*, better: bool = True, goal: Goal = GOAL, path: str = "net.onnx") -> Outcome:
    """A search with all that one has."""
    config = msgspec.structs.replace(CONFIG, inferer_path=path)
    found = curves(ONE, 1.0, 0.2)
    settings = Settings(ONE, runs=2, max_batch=8)
    ranked = tuple(rank(predictor(found, goal=goal), [settings], goal))
    pairs = tuple(
        (trial(settings.text, 900.0, 15.0, 0.8), trial(DEFAULT, 900.0, 60.0)) for _ in "12"
    )
    longer = replace(pairs[0][0], seconds=6.0)
    every = (trial(DEFAULT, 300.0, 10.0), *(one for pair in pairs for one in pair), longer)
    return Outcome(
        verdict="better" if better else "keep",
        reason="because of <this> & that",
        search=Search(config=config, goal=goal),
        settings=settings if better else None,
        curves=(found,),
        ranked=ranked,
        entered=(Entered(settings.text, ranked[0]),),
        trials=every,
        confirmation=Confirmation(better, 900.0, pairs, "because", soak=longer),
        default_rate=300.0,
        capacities={DEFAULT: 450.0, settings.text: 1000.0},
        others=Use(50.0, 0.02, 0.0, (("cron 7", 0.02),)),
        calibration_ms=(10.0, 10.1),
        notes=("a note",),
        machine={"cpu": "a processor", "cpus": 2},
        started_at="2026-01-01T00:00:00+00:00",
        elapsed_s=50.0,
    )
