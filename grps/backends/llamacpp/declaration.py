"""What llama.cpp declares of itself."""

from __future__ import annotations

from grps.backends.engine import Engine, Verb

ENGINE = Engine(
    name="llamacpp",
    title="llama.cpp",
    package="xllamacpp",
    extra="llamacpp",
    distributions=("xllamacpp",),
    verb=Verb(
        name="llamacpp_serve",
        summary="Put a language model online with llama.cpp, with the OpenAI API.",
        title="Put a language model online with llama.cpp, with the APIs of OpenAI and Anthropic.",
        model="a .gguf file.",
        examples=(
            "model.gguf",
            "model.gguf --max_batch_size 8 --inferer_arg context_length=4096",
        ),
    ),
    formats=(),
    also_serves=("gguf",),
    makes_steps=True,
    default_device="cpu",
    threads="per_process",
)
