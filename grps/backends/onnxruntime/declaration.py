"""What ONNX Runtime declares of itself."""

from __future__ import annotations

from grps.backends.engine import NATIVE, Engine, GpuMemory, ModelFormat, Verb

_TAGS = frozenset(b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca")
"""First bytes of the fields of ONNX's ModelProto."""
_IR_VERSION_TAG = 0x08
_MAX_IR_VERSION = 64
_LEAST_BYTES = 3


def _looks_like_onnx(head: bytes, suffix: str) -> bool:
    if suffix == ".ort" or head[4:8] == b"ORTM":
        return head[4:8] == b"ORTM"
    if suffix == ".onnx":
        return head[0] in _TAGS
    # The exporters write ir_version first: field 1, a small number, then another field.
    return (
        len(head) >= _LEAST_BYTES
        and head[0] == _IR_VERSION_TAG
        and 0 < head[1] <= _MAX_IR_VERSION
        and head[2] in _TAGS
    )


ENGINE = Engine(
    name="onnxruntime",
    title="ONNX Runtime",
    package="onnxruntime",
    extra="onnx",
    distributions=("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    verb=Verb(
        name="onnx_serve",
        summary="Put an ONNX model file online.",
        title="Put an ONNX model online.",
        model="an .onnx file, its external data beside it if it has any.",
        examples=(
            "model.onnx",
            "model.onnx --name ocr --port 7090,7091 --intra_op_threads 4",
            "model.onnx --batching_type dynamic --max_batch_size 32",
            "model.onnx --native",
        ),
    ),
    formats=(
        ModelFormat(
            name="onnx", title="ONNX", looks_like=_looks_like_onnx, directory_suffixes=(".onnx",)
        ),
    ),
    flags=(NATIVE,),
    # Releases from 1.29 on send usage, with names and digests of models, to their maker.
    environment={"ORT_DISABLE_TELEMETRY": "1"},
    threads="per_run",
    profiles=True,
    tuned_arguments=({"allow_spinning": True},),
    gpu_memory=GpuMemory(
        manager="OnnxGpuMemManager",
        limit_argument="gpu_mem_limit_mib",
        collect_argument="arena_gc_interval_s",
    ),
)
