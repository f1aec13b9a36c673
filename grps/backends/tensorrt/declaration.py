"""What TensorRT declares of itself."""

from __future__ import annotations

import dataclasses

from grps.backends.common.flags import STREAMS
from grps.backends.engine import NATIVE, Engine, ModelFormat, Verb

_NATIVE = dataclasses.replace(NATIVE, is_for_cpu=False)


def _is_engine(head: bytes) -> bool:
    return head.startswith((b"ftrt", b"ptrt"))


ENGINE = Engine(
    name="tensorrt",
    title="TensorRT",
    package="tensorrt",
    extra="tensorrt",
    distributions=("tensorrt",),
    requires="an NVIDIA GPU with its driver, and the TensorRT version that built the engine",
    verb=Verb(
        name="trt_serve",
        summary="Put a TensorRT engine online.",
        title="Put a TensorRT engine online.",
        model="an engine file (.engine, .plan), built by the TensorRT and on the kind of GPU that "
        "run it.",
        examples=(
            "model.engine",
            "model.engine --name detect --port 7090,7091 --device cuda:1",
            "model.plan --streams 4 --customized_op_paths libplugins.so",
            "model.engine --batching_type dynamic --max_batch_size 8",
            "model.engine --native",
        ),
        noun="engine",
    ),
    formats=(
        ModelFormat(
            name="tensorrt",
            title="TensorRT",
            head=_is_engine,
            suffixes=frozenset({".engine", ".plan", ".trt"}),
        ),
    ),
    converter="tensorrt",
    flags=(STREAMS, _NATIVE),
    side_by_side=True,
    default_device="cuda",
    runs_on_cpu=False,
)
