"""What OpenVINO GenAI declares of itself."""

from __future__ import annotations

from grps.backends.common.language.verb import LLM_SERVE
from grps.backends.engine import Engine, ModelFormat


def _is_gguf(head: bytes) -> bool:
    return head.startswith(b"GGUF")


ENGINE = Engine(
    name="openvino_genai",
    title="OpenVINO GenAI",
    package="openvino_genai",
    extra="llm",
    distributions=("openvino-genai",),
    verb=LLM_SERVE,
    formats=(
        ModelFormat(name="gguf", title="GGUF", head=_is_gguf),
        ModelFormat(
            name="openvino_genai",
            title="directory of OpenVINO GenAI",
            directory_files=frozenset({"openvino_tokenizer.xml"}),
        ),
    ),
    makes_steps=True,
    default_device="cpu",
    threads="per_process",
)
