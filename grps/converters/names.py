"""The names of this build's engines and converters, for the configuration."""

from __future__ import annotations

from grps.backends.table import ENGINES
from grps.config.names import KnownNames
from grps.converters.table import CONVERTERS

_MEMORIES = {
    name: engine.gpu_memory for name, engine in ENGINES.items() if engine.gpu_memory is not None
}

NAMES = KnownNames(
    engines=tuple(ENGINES),
    step_engines=tuple(name for name, engine in ENGINES.items() if engine.makes_steps),
    # As a set in order: each engine's own converter, and "numpy" for all others.
    tensor_converters=tuple(dict.fromkeys(engine.converter for engine in ENGINES.values())),
    built_in_converters=tuple(CONVERTERS),
    converter_paths={name: entry.path for name, entry in CONVERTERS.items() if entry.path},
    memory_managers=tuple(_MEMORIES),
    memory_collectors=tuple(name for name, memory in _MEMORIES.items() if memory.can_collect),
)
