"""The verb that serves language models, which several engines have."""

from __future__ import annotations

from grps.backends.engine import Verb

LLM_SERVE = Verb(
    name="llm_serve",
    summary="Put a language model online, with the OpenAI API.",
    title="Put a language model online, with the APIs of OpenAI and Anthropic.",
    model="a .gguf file, the directory of a model that OpenVINO GenAI runs, the directory of a "
    "model in the form of Hugging Face (config.json, tokenizer.json, and *.safetensors or a "
    "decoder in ONNX; also one of a text model, for embeddings and rankings), or that of an "
    "engine of TensorRT-LLM.",
    examples=(
        "model.gguf",
        "model.gguf --name assistant --port 7090,7091",
        "model.gguf --max_batch_size 32 --inferer_arg cache_size_gb=4",
        "SmolLM2-360M-Instruct/",
    ),
)
