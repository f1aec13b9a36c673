"""What OpenVINO GenAI declares of itself."""

from __future__ import annotations

from grps.backends.engine import Engine, ModelFormat, Verb


def _is_gguf(head: bytes) -> bool:
    return head.startswith(b"GGUF")


ENGINE = Engine(
    name="openvino_genai",
    title="OpenVINO GenAI",
    package="openvino_genai",
    extra="llm",
    distributions=("openvino-genai",),
    verb=Verb(
        name="llm_serve",
        summary="Put a language model online, with the OpenAI API.",
        title="Put a language model online, with the APIs of OpenAI and Anthropic.",
        model="a .gguf file, or the directory of a model that OpenVINO GenAI runs.",
        examples=(
            "model.gguf",
            "model.gguf --name assistant --port 7090,7091",
            "model.gguf --max_batch_size 32 --inferer_arg cache_size_gb=4",
        ),
    ),
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
