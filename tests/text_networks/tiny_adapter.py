"""LoRA adapters with random weights for tiny decoders, in the form of PEFT."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.text_networks.tiny import save_weights
from tests.text_networks.tiny_decoder import config_of, tensors_of

MODULES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


@dataclass(frozen=True, kw_only=True)
class TinyAdapter:
    """What an adapter is made of."""

    seed: int = 1
    kind: str = "llama"
    rank: int = 4
    alpha: float = 6.0
    by_root: bool = False
    modules: Sequence[str] = MODULES
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of its configuration."""

    def config(self) -> dict[str, Any]:
        """Return its configuration, with the keys that PEFT writes."""
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": "tiny",
            "r": self.rank,
            "lora_alpha": self.alpha,
            "use_rslora": self.by_root,
            "target_modules": sorted({name.rpartition(".")[2] for name in self.modules}),
            "bias": "none",
            "lora_dropout": 0.1,
            "init_lora_weights": True,
            "modules_to_save": None,
            "use_dora": False,
            "rank_pattern": {},
            "alpha_pattern": {},
            **self.keys,
        }

    def tensors(self) -> dict[str, np.ndarray]:
        """Return its matrices by PEFT's names, the same each time."""
        random = np.random.RandomState(self.seed)
        found = {}
        for name, weight in tensors_of(config_of(self.kind)).items():
            module = name.removesuffix(".weight")
            if module.partition("layers.")[2].partition(".")[2] not in self.modules:
                continue
            rows, columns = weight.shape if weight.ndim == 2 else (0, 0)
            if rows:
                at = f"base_model.model.{module}"
                down = random.standard_normal((self.rank, columns)) * 0.3
                up = random.standard_normal((rows, self.rank)) * 0.3
                found[f"{at}.lora_A.weight"] = down.astype("f4")
                found[f"{at}.lora_B.weight"] = up.astype("f4")
        return found

    def write(self, folder: Path, tensors: Mapping[str, np.ndarray] | None = None) -> Path:
        """Write its files, perhaps with other tensors, and return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapter_config.json").write_text(json.dumps(self.config()))
        found = dict(self.tensors() if tensors is None else tensors)
        save_weights(folder / "adapter_model.safetensors", found)
        return folder

    def merge(self, folder: Path) -> None:
        """Put it into the weights of the model in a folder."""
        weights, own = tensors_of(config_of(self.kind)), self.tensors()
        scale = self.alpha / (self.rank**0.5 if self.by_root else self.rank)
        for name, down in own.items():
            if name.endswith("lora_A.weight"):
                module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
                up = own[name.replace("lora_A", "lora_B")].astype("f8")
                weights[f"{module}.weight"] += (scale * up @ down).astype("f4")
        save_weights(folder / "model.safetensors", weights)
