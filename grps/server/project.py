"""A project folder: its configuration and the user's code."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import yaml

from grps.config.loader import load_inference, load_server
from grps.config.schema import InferenceConfig, ModelConfig, ServerConfig
from grps.errors import ConfigError, ModelError

USER_MODULES = {"customized_converter": "converter_type", "customized_inferer": "inferer_type"}
"""Modules of ``src`` in the order of their import, and the key whose ``customized`` needs them."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a project folder says."""

    folder: Path
    inference: InferenceConfig
    server: ServerConfig
    metadata: str
    """Text of both configuration files, which ``metadata/server`` answers."""
    descriptions: tuple[dict[str, Any], ...]
    """Each model's own lines of ``inference.yml``, in the order of ``inference.models``."""

    @classmethod
    def read(cls, folder: Path, conf: Path | None = None) -> Project:
        """Read the configuration of a project.

        Args:
            folder: The project.
            conf: The folder of the two files; by default the project's own.

        Raises:
            ConfigError: A file is missing or breaks a rule.
        """
        conf = conf or folder / "conf"
        inference_file, server_file = conf / "inference.yml", conf / "server.yml"
        if not inference_file.is_file():
            raise ConfigError(f"{inference_file}: no such file; is {folder} a GRPS project?")
        inference = load_inference(inference_file)
        server = load_server(server_file)
        inference_text = inference_file.read_text(encoding="utf-8")
        server_text = server_file.read_text(encoding="utf-8")
        return cls(
            folder=folder,
            inference=inference,
            server=server,
            metadata=f"{inference_text}\n{server_text}",
            descriptions=tuple(yaml.safe_load(inference_text)["models"]),
        )

    def listening_on(self, port: str) -> Project:
        """Return the project with other ports, written as in ``server.yml``."""
        interface = msgspec.structs.replace(self.server.interface, port=port)
        return replace(self, server=msgspec.structs.replace(self.server, interface=interface))

    def import_user_code(self) -> None:
        """Import the project's ``src`` modules, which register converters and inferers.

        Raises:
            ModelError: A module is missing or raises.
        """
        if not any(needs_user_code(model) for model in self.inference.models):
            return
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        for name, key in USER_MODULES.items():
            file = self.folder / "src" / f"{name}.py"
            if file.is_file():
                importlib.import_module(f"src.{name}")
                continue
            for model in self.inference.models:
                if getattr(model, key) == "customized":
                    raise ModelError(f"{file} is missing; model {model.key} needs it for its {key}")


def needs_user_code(model: ModelConfig) -> bool:
    """Tell whether a model runs code of the project."""
    return "customized" in (model.inferer_type, model.converter_type)
