"""Names that a configuration may use and that layers above it define."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grps.config.schema import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """Names of engines and converters.

    The caller that reads a configuration passes them in, as engines and converters are defined in
    layers above this one.
    """

    engines: tuple[str, ...]
    step_engines: tuple[str, ...]
    """Engines whose models make steps."""
    tensor_converters: tuple[str, ...]
    """Values of ``converter_type`` that pass tensors to the model's code."""
    built_in_converters: tuple[str, ...]
    """Values of ``converter_type`` that need no code."""
    converter_paths: Mapping[str, str]
    """Built-in converters that need ``converter_path``, and what to give there."""
    memory_managers: tuple[str, ...]
    """Engines whose GPU memory can be limited."""
    memory_collectors: tuple[str, ...]
    """Those of them that give unused memory back."""

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The allowed values by the mark that the schema puts on a key."""
        return {
            "inferer_type": ("customized", "plugin", "identity", "torchserve", *self.engines),
            "converter_type": (
                "customized",
                "none",
                *self.tensor_converters,
                *self.built_in_converters,
            ),
            "mem_manager_type": (*self.memory_managers, "none"),
        }

    def has_built_in_converter(self, model: ModelConfig) -> bool:
        """Return whether a model's converter is one that needs no code."""
        return model.converter_type in self.built_in_converters

    def takes_tensors(self, model: ModelConfig) -> bool:
        """Return whether a model's code gets tensors; else it gets whole messages."""
        any_data = model.inferer_type in ("customized", "identity", "torchserve")
        without = model.converter_type in (None, "none")
        own = model.converter_type == "customized" or self.has_built_in_converter(model)
        return not (own or (any_data and without))
