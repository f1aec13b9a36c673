"""What TensorRT-LLM declares of itself."""

from __future__ import annotations

from grps.backends.common.language.verb import LLM_SERVE
from grps.backends.engine import Engine, ModelFormat

ENGINE = Engine(
    name="tensorrt_llm",
    title="TensorRT-LLM",
    package="tensorrt_llm",
    extra="tensorrt-llm",
    distributions=("tensorrt-llm",),
    requires="an NVIDIA GPU",
    verb=LLM_SERVE,
    formats=(
        ModelFormat(
            name="tensorrt_llm",
            title="engine directory of TensorRT-LLM",
            directory_files=frozenset({"rank0.engine"}),
        ),
    ),
    makes_steps=True,
    runs_on_cpu=False,
    default_device="cuda",
)
