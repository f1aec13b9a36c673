"""What the decoder declares of itself."""

from __future__ import annotations

from grps.backends.common.language.decoder_files import SAFETENSORS_FILES, is_onnx_decoder
from grps.backends.common.language.verb import LLM_SERVE
from grps.backends.engine import Engine, ModelFormat

ENGINE = Engine(
    name="decoder",
    title="decoder on PyTorch or ONNX Runtime",
    package="llguidance",
    extra="decoder",
    distributions=("llguidance",),
    also_imports=("torch", "onnxruntime"),
    verb=LLM_SERVE,
    formats=(
        ModelFormat(
            name="hugging_face",
            title="directory of Hugging Face",
            directory_files=SAFETENSORS_FILES,
        ),
        ModelFormat(
            name="hugging_face_onnx",
            title="directory of a decoder in ONNX",
            in_directory=is_onnx_decoder,
        ),
    ),
    makes_steps=True,
    threads="per_run",
)
