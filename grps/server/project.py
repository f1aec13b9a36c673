"""A project folder: its configuration and the user's code."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from grps.config.document import plain_value, read_text
from grps.config.schema import InferenceConfig, ModelConfig, ServerConfig
from grps.config.secrets import hide_secrets
from grps.errors import ConfigError, GrpsError, ModelError, StopRequested
from grps.inference.app.files import import_app, require
from grps.inference.app.names import file_of
from grps.inference.registry import converter_register, inferer_register
from grps.inference.runner import describe
from grps.server.configuration import load_inference, load_server
from grps.server.loading.upstream_cpp import hosted, is_upstream_cpp

USER_MODULES = {"customized_converter": "converter_type", "customized_inferer": "inferer_type"}
"""Modules of ``src`` in the order of their import, and the key whose ``customized`` needs them."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a project folder says."""

    folder: Path
    inference: InferenceConfig
    server: ServerConfig
    metadata: str
    """Both configuration files without secrets, which ``metadata/server`` answers."""
    inference_file: Path
    descriptions: tuple[dict[str, Any], ...]
    """Each model's own lines of ``inference.yml``, in the order of ``inference.models``."""

    def description_of(self, model: ModelConfig) -> dict[str, Any]:
        """Return a model's own lines of ``inference.yml``."""
        keys = [known.key for known in self.inference.models]
        return self.descriptions[keys.index(model.key)]

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
        inference_text, server_text = read_text(inference_file), read_text(server_file)
        if is_upstream_cpp(folder):
            models = (hosted(model, server.max_concurrency) for model in inference.models)
            inference = msgspec.structs.replace(inference, models=tuple(models))
        described = plain_value(inference_text, str(inference_file), numbers_stay_text=True)
        return cls(
            folder=folder,
            inference=inference,
            server=server,
            inference_file=inference_file,
            metadata=f"{hide_secrets(inference_text)}\n{hide_secrets(server_text)}",
            descriptions=tuple(described["models"]),
        )

    def listening_on(self, port: str) -> Project:
        """Return the project with other ports, written as in ``server.yml``."""
        interface = msgspec.structs.replace(self.server.interface, port=port)
        return replace(self, server=msgspec.structs.replace(self.server, interface=interface))

    def import_user_code(self) -> None:
        """Import the project's ``src`` modules, which register converters and inferers.

        Files that ``inferer_name`` names, as ``app.py:double`` does, are imported too.

        Raises:
            ModelError: A module is missing, or raises; the text names the line that raised.
        """
        try:
            self._import()
        except (GrpsError, StopRequested, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise ModelError(f"the project's code can't be imported: {describe(error)}") from error

    def reimport_user_code(self) -> None:
        """Import the ``src`` modules as they are on disk now; when that fails, keep the old ones.

        What was made of the old modules goes on with them.

        Raises:
            ModelError: As ``import_user_code``.
        """
        old = {name: module for name, module in sys.modules.items() if _is_user_module(name)}
        registers: list[dict[str, Any]] = [
            inferer_register.model_inferer_dict,
            converter_register.converter_dict,
        ]
        registered = [dict(register) for register in registers]
        for name in old:
            del sys.modules[name]
        importlib.invalidate_caches()
        try:
            self.import_user_code()
        except BaseException:
            for name in [name for name in sys.modules if _is_user_module(name)]:
                del sys.modules[name]
            sys.modules.update(old)
            for register, before in zip(registers, registered, strict=True):
                register.clear()
                register.update(before)
            raise

    def _import(self) -> None:
        if not any(needs_user_code(model) for model in self.inference.models):
            return
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        self._import_files()
        for name, key in USER_MODULES.items():
            needing = [one for one in self.inference.models if needs_module(one, key)]
            file = self.folder / "src" / f"{name}.py"
            if file.is_file() and any(map(needs_src, self.inference.models)):
                importlib.import_module(f"src.{name}")
            elif needing:
                raise ModelError(
                    f"{file} is missing; model {needing[0].key} needs it for its {key}"
                )

    def _import_files(self) -> None:
        """Import the files that models name, each once."""
        models = [model for model in self.inference.models if inferer_file(model) is not None]
        named = {model.inferer_name or "": inferer_file(model) or "" for model in models}
        found = {file: import_app(self.folder / file, file) for file in {*named.values()}}
        for name, file in named.items():
            require(self.folder / file, name.rpartition(":")[2], found[file])


def inferer_file(model: ModelConfig) -> str | None:
    """Return the file of its own that a model's inferer is in; ``None`` without one."""
    return file_of(model.inferer_name) if model.inferer_type == "customized" else None


def needs_module(model: ModelConfig, key: str) -> bool:
    """Return whether a model needs the module of ``src`` for a key of ``USER_MODULES``."""
    in_file = key == "inferer_type" and inferer_file(model) is not None
    return getattr(model, key) == "customized" and not in_file


def needs_src(model: ModelConfig) -> bool:
    """Return whether a model runs code of the project's ``src``."""
    return any(needs_module(model, key) for key in USER_MODULES.values())


def _is_user_module(name: str) -> bool:
    return name == "src" or name.startswith("src.")


def needs_user_code(model: ModelConfig) -> bool:
    """Return whether a model runs code of the project."""
    return "customized" in (model.inferer_type, model.converter_type)
