"""What ``inferer_args`` say of a decoder."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class DecoderArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a decoder."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The type of weights, keys and values; an ONNX graph has its own."""
    onnx_file: str | None = None
    """The ONNX file in the directory of the model; it is preferred to weights in safetensors."""
    adapters: dict[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")], str] = {}
    """Directories of LoRA adapters, by the names that requests ask for them by."""
    context_length: Annotated[int, msgspec.Meta(ge=1)] | None = None
    cache_size_gb: Annotated[float, msgspec.Meta(gt=0)] | None = None
    prefill_tokens: Annotated[int, msgspec.Meta(ge=1)] = 512
    tokenizer: str | None = None
    chat_template: str | None = None
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
