"""A signature of a SavedModel, opened by the loader of TensorFlow 2 or that of TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.backends.tensorflow.causes import tensorflow_cause
from grps.backends.tensorflow.runtime import TensorflowArguments, quiet, tf
from grps.backends.tensorflow.savedmodel import Chosen
from grps.backends.tensorflow.tensors import CAST, DTYPES
from grps.errors import ModelError
from grps.log import logger

Run = Callable[[Sequence[np.ndarray]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Program:
    """A model that is loaded and ready to run."""

    signature: Signature
    run: Run
    """Takes arrays in the signature's order; returns tensors or arrays in its order."""
    casts: dict[int, Any]
    """Types that some inputs must be converted to, by their index."""
    held: object
    """What must live as long as the program: functions don't keep the variables they use."""


def open_program(chosen: Chosen, place: str | None, arguments: TensorflowArguments) -> Program:
    """Load a signature.

    The loader of TensorFlow 2 is tried first. Models of TensorFlow 1, and those whose Python
    objects this version can't build again, are run as a graph in a session.

    Args:
        chosen: The signature.
        place: TensorFlow's name of a device; ``None`` leaves the model where its file puts it.
        arguments: ``inferer_args``; the threads of a session.

    Raises:
        ModelError: Neither loader can load it, or the wire can't carry one of its types.
    """
    signature = _signature(chosen)
    casts = {
        index: dtype.as_numpy_dtype
        for index, (_, info) in enumerate(chosen.inputs)
        if (dtype := tf.as_dtype(info.dtype)) in CAST
    }
    try:
        held, run = _by_function(chosen, place)
    except Exception as first:
        try:
            held, run = _by_session(chosen, place, arguments)
        except Exception as second:
            raise ModelError(f"{chosen.path}: {_both(first, second)}") from first
        logger.info(
            "%s: loaded as a graph of TensorFlow 1, as the loader of TensorFlow 2 says: %s",
            chosen.path,
            tensorflow_cause(first),
        )
    return Program(signature, run, casts, held)


def scope(place: str | None) -> AbstractContextManager[Any]:
    """Return the context in which TensorFlow puts things at ``place``."""
    scoped: AbstractContextManager[Any] = tf.device(place) if place else nullcontext()
    return scoped


def _by_function(chosen: Chosen, place: str | None) -> tuple[object, Run]:
    with scope(place), quiet():
        model = tf.saved_model.load(str(chosen.path), tags=list(chosen.tags))
    function = model.signatures[chosen.signature]
    names = [name for name, _ in chosen.inputs]
    outputs = [name for name, _ in chosen.outputs]

    def run(arrays: Sequence[np.ndarray]) -> Sequence[Any]:
        with tf.device("/CPU:0"):
            tensors = [tf.convert_to_tensor(array) for array in arrays]
        with scope(place):
            answer = function(**dict(zip(names, tensors, strict=True)))
        return [answer[name] for name in outputs]

    return model, run


def _by_session(
    chosen: Chosen, place: str | None, arguments: TensorflowArguments
) -> tuple[object, Run]:
    v1 = tf.compat.v1
    config = v1.ConfigProto(
        allow_soft_placement=True,
        intra_op_parallelism_threads=arguments.intra_op_threads or 0,
        inter_op_parallelism_threads=arguments.inter_op_threads or 0,
    )
    config.gpu_options.allow_growth = True
    graph = tf.Graph()
    with graph.as_default(), quiet():
        session = v1.Session(graph=graph, config=config)
        with scope(place):
            v1.saved_model.load(
                session, list(chosen.tags), str(chosen.path), clear_devices=place is not None
            )
        call = session.make_callable(
            [graph.get_tensor_by_name(info.name) for _, info in chosen.outputs],
            [graph.get_tensor_by_name(info.name) for _, info in chosen.inputs],
        )

    def run(arrays: Sequence[np.ndarray]) -> Sequence[Any]:
        values: Sequence[Any] = call(*arrays)
        return values

    return session, run


def _both(first: Exception, second: Exception) -> str:
    one, two = tensorflow_cause(first), tensorflow_cause(second)
    return one if one == two else f"{one}; as a graph of TensorFlow 1: {two}"


def _signature(chosen: Chosen) -> Signature:
    return Signature(
        inputs=tuple(_spec("input", name, info) for name, info in chosen.inputs),
        outputs=tuple(_spec("output", name, info) for name, info in chosen.outputs),
        strict_names=True,
    )


def _spec(kind: str, name: str, info: Any) -> TensorSpec:
    if info.WhichOneof("encoding") != "name":
        raise ModelError(f"{kind} {name} is sparse or composite; only dense tensors are served")
    dtype = tf.as_dtype(info.dtype)
    if dtype not in DTYPES:
        raise ModelError(
            f"{kind} {name} has the unsupported type {dtype.name}; supported: "
            f"{', '.join(known.name for known in DTYPES)}"
        )
    if info.tensor_shape.unknown_rank:
        return TensorSpec(name, DTYPES[dtype], None)
    shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(name, DTYPES[dtype], shape)
