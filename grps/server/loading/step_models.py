"""Step models of the user's own, and what runs their steps, in a thread or in a worker process."""

from __future__ import annotations

from grps.backends.common.language.language_model import LanguageModel
from grps.config.schema import ModelConfig
from grps.inference.steps.model import StepModel
from grps.inference.steps.runner import StepRunner
from grps.inference.steps.slots import bytes_of
from grps.server.loading.loaders import load_step_model


def load_steps(config: ModelConfig) -> tuple[StepModel, int]:
    """Load a step model; return it and the bytes of one row of all its slots.

    Raises:
        ModelError: It can't be loaded, or does not go with its configuration.
    """
    step_model = load_step_model(config)
    return step_model, bytes_of(type(step_model).slots)


def step_runner(config: ModelConfig, step_model: StepModel, name: str) -> StepRunner:
    """Return what runs the steps of an instance.

    Args:
        config: The model's configuration.
        step_model: The object of this instance, which nothing else uses.
        name: The instance in the log.
    """
    in_parts = config.steps.prefills_in_parts
    if isinstance(step_model, LanguageModel):
        in_parts = step_model.scheduling is not None
    return StepRunner(step_model, config.slots, in_parts=in_parts, name=name)
