"""The user's inferer where an engine stands otherwise: behind a built-in converter."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import isgenerator

import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.app.inferers import AppInferer
from grps.inference.async_runner import is_async
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.runner import describe
from grps.inference.user_tensors import name_outputs
from grps.server.loading.app_models import is_generator, signature_of

INPUTS = {"text": ("input_ids", "attention_mask")}
"""What converters make for code that declares no inputs; ``input`` for others."""


class UserBackend:
    """Runs an inferer on the arrays that a built-in converter makes.

    A run may have the rows of several requests, so the inferer gets a context that is not that of a
    request.
    """

    def __init__(self, inferer: ModelInferer, config: ModelConfig) -> None:
        """Run ``inferer``, which is loaded.

        Raises:
            ModelError: It answers in pieces or is asynchronous, which the converter does not go
                with.
        """
        if is_async(inferer) or is_generator(config):
            raise ModelError(
                f"model {config.key}: converter_type {config.converter_type!r} needs an infer that "
                "returns arrays: no generator and no async def"
            )
        self._inferer = inferer
        names = INPUTS.get(str(config.converter_type), ("input",))
        assumed = Signature(tuple(map(TensorSpec, names)), (), strict_names=True)
        self._signature = signature_of(inferer) or assumed
        self._batches = type(inferer).batch_infer is not ModelInferer.batch_infer

    @property
    def signature(self) -> Signature:
        """What the code declares of its inputs and outputs."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the user's code once; see ``Backend.infer``."""
        names = (spec.name for spec in self._signature.inputs)
        given = dict(zip(names, inputs, strict=False))
        try:
            result = self._run(given)
        except (InputError, ModelError):
            raise
        except Exception as error:
            raise ModelError(describe(error)) from error
        if isgenerator(result):
            raise ModelError("infer answers in pieces; behind a converter it returns arrays")
        return name_outputs(result)

    def _run(self, given: dict[str, np.ndarray]) -> object:
        context = GrpsContext()
        is_own = not isinstance(self._inferer, AppInferer)
        if self._batches and is_own:
            result = self._inferer.batch_infer(given, [context])
        else:
            result = self._inferer.infer(given, context)
        if context.has_err():
            raise ModelError(context.get_err_msg())
        return result
