"""Which settings are compared."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from grps.backends.engine import NATIVE, Engine
from grps.backends.formats import is_served_by, recognise
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.tune.curves.curve import Curves
from grps.tune.settings import Isolation, Settings, Variant

_ISOLATIONS: tuple[Isolation, ...] = ("thread", "process")


def engines_for(config: ModelConfig, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the engines that run a model's file and are installed, its own first.

    Args:
        config: The model.
        wanted: The only ones to take, if any are named.
    """
    path = Path(config.inferer_path or "")
    found = recognise(path)
    own = [config.inferer_type]
    others = [
        name
        for name, engine in ENGINES.items()
        if name not in own and is_served_by(found, name) and is_installed(engine)
    ]
    engines = [*own, *(one for one in others if not ENGINES[one].makes_steps)]
    return tuple(one for one in engines if not wanted or one in wanted)


def is_installed(engine: Engine) -> bool:
    """Whether an engine's framework is installed."""
    return importlib.util.find_spec(engine.package) is not None


def variants_of(engines: Iterable[str], config: ModelConfig, cpus: int) -> list[Variant]:
    """Return the ways in which copies are loaded, the likeliest first."""
    plain: list[Variant] = []
    special: list[Variant] = []
    for name in engines:
        engine = ENGINES[name]
        counts: list[int | None] = [None]
        if engine.threads == "per_run" and (config.device or "cpu") == "cpu":
            counts = list(thread_counts(cpus))
        plain += [Variant(name, count) for count in counts]
        special += [
            Variant(name, count, tuple(sorted(options.items())))
            for options in engine.tuned_arguments
            for count in counts
            if count is not None and count > 1
        ]
    return [*plain, *special]


def thread_counts(cpus: int) -> tuple[int, ...]:
    """Return numbers of threads: powers of two, and all processors."""
    counts = [cpus]
    power = 1
    while power < cpus:
        counts.append(power)
        power *= 2
    return tuple(counts)


def batch_sizes(most: int) -> tuple[int, ...]:
    """Return sizes of batches from 1 to the most."""
    sizes = [1]
    while sizes[-1] * 2 <= most:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes)


def settings_of(curves: Curves, most_rows: int) -> list[Settings]:
    """Return the settings of one variant that let no request wait for others."""
    found = []
    measured = curves.alone.points[-1].rows
    for isolation in _ISOLATIONS:
        most = curves.most_parallel(isolation)
        for runs in dict.fromkeys((*batch_sizes(most), most)):
            if runs == 1 and isolation == "process":
                continue
            found += [
                Settings(curves.variant, runs=runs, isolation=isolation, max_batch=size)
                for size in batch_sizes(min(most_rows, measured))
            ]
    return found


def native_form(settings: Settings, config: ModelConfig) -> Settings | None:
    """Return settings with native threads; ``None`` where the engine has none for the model."""
    engine = ENGINES[settings.variant.engine]
    is_own = settings.variant.engine == config.inferer_type
    converter = config.converter_type if is_own else engine.converter
    fits = (
        NATIVE in engine.flags
        and settings.isolation == "thread"
        and (config.device or "cpu") == "cpu"
        and converter == engine.converter
    )
    return replace(settings, native=True) if fits else None
