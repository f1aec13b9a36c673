"""What the decoder declares of itself."""

from __future__ import annotations

from grps.backends.common.language.verb import LLM_SERVE
from grps.backends.engine import Engine, ModelFormat

ENGINE = Engine(
    name="decoder",
    title="decoder on PyTorch",
    package="llguidance",
    extra="decoder",
    distributions=("llguidance",),
    also_imports=("torch",),
    verb=LLM_SERVE,
    formats=(
        ModelFormat(
            name="hugging_face",
            title="directory of Hugging Face",
            directory_files=frozenset({"model.safetensors", "model.safetensors.index.json"}),
        ),
    ),
    makes_steps=True,
    threads="per_run",
)
