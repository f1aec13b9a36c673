"""Compare ``grpst tune`` with an exhaustive sweep: ``python -m benchmarks.tuning.sweep``.

For each model, the search runs some times. Then every combination of engine, threads, runs at once,
batch size and native threads is started and tried at a rate near the best one so far; those that
hold the limit rise until they miss it. At last the default, the best of the sweep and what the
searches found are measured once more by turns, each as the rate at which half of its trials hold
the limit.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.tuning.held_rates import held_rates
from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.machine import usable_cpus
from grps.tune import BusyMachineError, Search, Settings, read_goal, tune
from grps.tune.outcome import Outcome
from grps.tune.settings import Variant, model_config
from grps.tune.space import engines_for, native_form, thread_counts
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import Entrant, Trials
from grps.tune.trials.service import Setting, TrialService, running

DEFAULT = "default"
BATCHES = (1, 8, 32)
_NEAR = 0.95
"""Share of the best rate so far at which the others of the sweep begin."""
_UP = 1.12
_LOW, _FAST = 20.0, 2.0
"""The rate from which the default rises, and by how much."""
_FINAL_FIRST = 0.7
"""Share of the best rate of the sweep at which the final measurement begins."""
_WAITS, _WAIT_S = 100, 5.0
_MOST_OTHERS = 0.2
"""Processors that others may use in a trial of the sweep."""


@dataclass(frozen=True)
class Subject:
    """A model and its limit.

    Attributes:
        name: What the table calls it.
        path: Its file.
        slo: The limit.
        shapes: Shapes of a request of one row.
    """

    name: str
    path: Path
    slo: str
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def config(self) -> ModelConfig:
        """The model as ``grpst serve`` configures it."""
        return ModelConfig(
            name=self.name,
            version="1.0.0",
            device="cpu",
            inferer_type="onnxruntime",
            inferer_path=str(self.path),
            converter_type="numpy",
        )


def subjects(folder: Path) -> list[Subject]:
    """Return the models: two of packages, if they are installed, and two generated ones."""
    found = [
        Subject("magika", _of_package("magika", "models/standard_v3_3/model.onnx"), "p99=100ms"),
        Subject(
            "text_angle",
            _of_package("rapidocr", "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            "p99=50ms",
            {"": (1, 3, 48, 192)},
        ),
        Subject("mlp", save_mlp(folder / "mlp.onnx", (256, 512, 512, 64)), "p99=50ms"),
        Subject("convolutions", save_convolutions(folder / "convolutions.onnx"), "p99=60ms"),
    ]
    return [one for one in found if one.path.is_file()]


def _of_package(package: str, path: str) -> Path:
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return Path(places[0]) / path if places else Path(package)


def save_mlp(path: Path, widths: Sequence[int]) -> Path:
    """Write layers of products and ReLUs."""
    random = np.random.default_rng(1)
    nodes, weights, last = [], [], "x"
    for number, (rows, columns) in enumerate(pairwise(widths)):
        array = (random.standard_normal((rows, columns)) / math.sqrt(rows)).astype(np.float32)
        weights.append(numpy_helper.from_array(array, f"w{number}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{number}"], [f"p{number}"]))
        nodes.append(helper.make_node("Relu", [f"p{number}"], [f"h{number}"]))
        last = f"h{number}"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    return _save(path, nodes, weights, ["n", widths[0]], ["n", widths[-1]])


def save_convolutions(path: Path) -> Path:
    """Write a small network of convolutions over images of 48 by 48."""
    random = np.random.default_rng(2)
    nodes, weights, last, before = [], [], "x", 3
    for number, channels in enumerate((16, 32, 32, 64)):
        array = random.standard_normal((channels, before, 3, 3)) / math.sqrt(before * 9)
        weights.append(numpy_helper.from_array(array.astype(np.float32), f"w{number}"))
        strides = [2, 2] if number % 2 else [1, 1]
        attributes = {"pads": [1, 1, 1, 1], "strides": strides}
        nodes.append(helper.make_node("Conv", [last, f"w{number}"], [f"c{number}"], **attributes))
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"h{number}"]))
        last, before = f"h{number}", channels
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["y"]))
    return _save(path, nodes, weights, ["n", 3, 48, 48], ["n", before])


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    before: list[str | int],
    after: list[str | int],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, before)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, after)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def combinations(subject: Subject, batches: Sequence[int]) -> Iterator[Settings]:
    """Yield every combination of the sweep."""
    cpus = usable_cpus()
    config = subject.config
    for engine in engines_for(config):
        for threads in sorted(thread_counts(cpus)):
            for runs in thread_counts(min(cpus, 2 * cpus // threads)):
                for batch in batches:
                    one = Settings(Variant(engine, threads), runs=runs, max_batch=batch)
                    native = native_form(one, config)
                    yield from (one for one in (native, one) if one is not None)


class Quiet(Trials):
    """Trials that are repeated until others leave the machine alone."""

    def run(self, entrant: Entrant, rate: float, seconds: float | None = None) -> Trial:
        """Try a service at a rate."""
        while (trial := super().run(entrant, rate, seconds)).others > _MOST_OTHERS:
            self.found.pop()
            time.sleep(_WAIT_S)
        return trial


class Sweep:
    """Measures goodputs of one model."""

    def __init__(self, subject: Subject, end: float, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Measure until ``end`` on the clock of ``time.monotonic``."""
        self._subject = subject
        self._end = end
        goal = read_goal((subject.slo,), "throughput", None)
        self._setting = Setting(goal, "http", shapes, 32)
        self.trials = Quiet(goal, lambda _: None)
        self.left_out = 0
        self.top = _LOW

    def service(self, stack: ExitStack, name: str, settings: Settings | None) -> TrialService:
        """Start a service."""
        base = self._subject.config
        config = base if settings is None else model_config(base, settings)
        return stack.enter_context(running(name, config, self._setting))

    def best(self, every: Sequence[Settings]) -> Settings | None:
        """Return the settings with the highest goodput; ``None`` for the default."""
        with ExitStack() as stack:
            best = self.goodput(self.service(stack, DEFAULT, None), _LOW, _UP)
        found: Settings | None = None
        for settings in every:
            if time.monotonic() > self._end:
                self.left_out += 1
                continue
            first = max(best * _NEAR, 1.0)
            with ExitStack() as stack:
                try:
                    service = self.service(stack, settings.text, settings)
                    if not self.trials.run_twice(service, first).holds:
                        continue
                    goodput = self.goodput(service, first, _UP)
                except GrpsError as error:
                    print(f"  {settings.text}: {error}", file=sys.stderr)
                    continue
            print(f"  {goodput:8.1f}/s  {settings.text}", file=sys.stderr)
            if goodput > best:
                best, found = goodput, settings
        self.top = max(best, self.top)
        return found

    def goodput(self, service: TrialService, low: float, step: float) -> float:
        """Return the highest rate that a service holds, from one that it should hold."""
        held, rate, factor = 0.0, low, _FAST if low <= _LOW else step
        missed = math.inf
        while missed / max(held, 1e-9) > step:
            if self.trials.run_twice(service, rate).holds:
                held = rate
                rate = rate * factor if math.isinf(missed) else math.sqrt(held * missed)
            else:
                missed = rate
                rate = math.sqrt(held * missed) if held else rate / 1.5
            if rate < 0.5:
                break
        return held


def searched(subject: Subject, force: bool) -> Outcome:
    """Run one search; on a busy machine, wait for a quiet one."""
    search = Search(
        config=subject.config,
        goal=read_goal((subject.slo,), "throughput", None),
        shapes=subject.shapes,
        force=force,
        fresh=True,
    )
    for left in reversed(range(_WAITS)):
        try:
            outcome = tune(search)
        except BusyMachineError as error:
            if not left:
                raise
            print(f"  {error}", file=sys.stderr)
            time.sleep(_WAIT_S)
            continue
        if outcome.verdict != "none" or not left:
            return outcome
        print(f"  no verdict: {outcome.reason}", file=sys.stderr)
    raise AssertionError


def compare(
    subject: Subject, runs: int, sweep_s: float, batches: Sequence[int], force: bool
) -> dict[str, object]:
    """Run the searches and the sweep of a model."""
    print(f"{subject.name}, {subject.slo}", file=sys.stderr)
    outcomes: list[Outcome] = []
    for number in range(runs):
        outcomes.append(searched(subject, force))
        one = outcomes[-1]
        chosen = one.settings.text if one.settings else DEFAULT
        print(
            f"  search {number + 1}: {one.elapsed_s:.1f} s, {chosen} {one.gain} {one.reason}",
            file=sys.stderr,
        )
    shapes = {name: tuple(shape) for name, shape in subject.shapes.items()}
    sweep = Sweep(subject, time.monotonic() + sweep_s, shapes)
    every = list(combinations(subject, batches))
    best = sweep.best(every)
    wanted = {None, best, *(one.settings for one in outcomes)}
    goodputs = _final(sweep, list(wanted))
    top = max(*goodputs.values(), 1e-9)
    return {
        "model": subject.name,
        "slo": subject.slo,
        "combinations": len(every),
        "left_out": sweep.left_out,
        "default": goodputs[None],
        "best": top,
        "best_settings": best.text if best else DEFAULT,
        "searches": [
            {
                "seconds": round(one.elapsed_s, 1),
                "verdict": one.verdict,
                "settings": one.settings.text if one.settings else DEFAULT,
                "goodput": goodputs[one.settings],
                "of_best": round(goodputs[one.settings] / top, 3),
                "of_default": round(goodputs[one.settings] / max(goodputs[None], 1e-9), 3),
                "others_cpus": round(one.others.others, 2),
                "reason": one.reason,
            }
            for one in outcomes
        ],
    }


def _final(sweep: Sweep, wanted: Sequence[Settings | None]) -> dict[Settings | None, float]:
    """Return the rate that each of the settings holds in half of its trials."""
    with ExitStack() as stack:
        services = {
            one: sweep.service(stack, f"final {one.text if one else DEFAULT}", one)
            for one in wanted
        }
        return held_rates(services, sweep.top * _FINAL_FIRST, sweep.trials)


def main() -> None:
    """Compare all models and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="searches of each model")
    parser.add_argument("--sweep_s", type=float, default=450.0, help="longest sweep of a model")
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--batch", type=int, action="append", help="sizes of batches of the sweep")
    parser.add_argument("--slo", help="limit of all models, instead of their own")
    parser.add_argument("--force", action="store_true", help="searches on a busy machine, too")
    parser.add_argument("--json", type=Path, help="write the results, after each model")
    given = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for subject in subjects(Path(folder)):
            if given.model and subject.name not in given.model:
                continue
            subject = replace(subject, slo=given.slo or subject.slo)  # noqa: PLW2901
            results.append(
                compare(subject, given.runs, given.sweep_s, given.batch or BATCHES, given.force)
            )
            print(json.dumps(results[-1], indent=1), flush=True)
            if given.json is not None:
                given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
