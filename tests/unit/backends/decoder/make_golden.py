"""Write ``golden.json``: what the package transformers computes for the tiny models.

Run it in an environment with transformers, which the tests do not need:
``python -m tests.unit.backends.decoder.make_golden``. It was made with transformers 5.24.0 and
PyTorch 2.13.0 on a CPU.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.text_networks.tiny_decoder import KINDS, VOCABULARY, write_model

GOLDEN = Path(__file__).with_name("golden.json")
PROMPT = [(7 * position * position + 31 * position + 5) % 256 for position in range(20)]
POSITIONS = (0, 6, 19)
"""Positions of the prompt whose logits are kept."""
GENERATED = 24


def golden_of(folder: Path, dtype: str) -> dict[str, Any]:
    """Return logits and the likeliest tokens of a model."""
    transformers: Any = import_module("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager"
    ).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([PROMPT])).logits[0].float()
        tokens = list(PROMPT)
        for _ in range(GENERATED):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].float().argmax()))
    kept = [[round(float(one), 5) for one in logits[at, :VOCABULARY:4]] for at in POSITIONS]
    return {"logits": kept, "greedy": tokens[len(PROMPT) :]}


def main() -> None:
    """Write the file."""
    cases = [(kind, "float32") for kind in KINDS] + [("llama", "bfloat16")]
    golden = {}
    for kind, dtype in cases:
        with TemporaryDirectory() as folder:
            write_model(Path(folder), kind, dtype=dtype)
            golden[f"{kind} {dtype}"] = golden_of(Path(folder), dtype)
    text = json.dumps(golden).replace('], "', '],\n "').replace('}, "', '},\n"')
    GOLDEN.write_text(text + "\n")


if __name__ == "__main__":
    main()
