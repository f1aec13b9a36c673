"""Makes an archive of whatever is deployed: an archive, a project's folder or a model."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grps.backends.formats import owner_of, recognise
from grps.deploy.archive.pack import pack
from grps.deploy.project.checking import check_project
from grps.deploy.project.model_project import ModelProject, render_inference, render_server
from grps.errors import DeployError

INFERENCE = "conf/inference.yml"
MAX_CONF_BYTES = 4 * 1024 * 1024
OnBytes = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoices:
    """How a bare model is served."""

    name: str
    device: str = "cpu"
    converter: str | None = None

    def is_given(self) -> bool:
        """Return whether something of it was chosen."""
        return self.device != "cpu" or self.converter is not None


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive to deploy."""

    path: Path
    uses: tuple[str, ...]
    """Services whose endpoints the director provides."""


def pack_source(
    source: Path, folder: Path, choices: ModelChoices, version: str, on_bytes: OnBytes
) -> Packed:
    """Return the archive of what is at ``source``.

    Args:
        source: An archive, a project's folder or a model.
        folder: Where an archive is made if there is none.
        choices: For a model.
        version: The version of GRPS, for the manifest.
        on_bytes: Receives the progress.

    Raises:
        GrpsError: It is none of them, or the project is wrong.
    """
    is_archive = source.is_file() and source.suffix == ".mar"
    is_project = (source / INFERENCE).is_file()
    if choices.is_given() and (is_archive or is_project):
        raise DeployError(
            f"--device and --converter are for bare models; {source} has its own configuration"
        )
    if is_archive:
        return Packed(source, _used(_conf_of_archive(source)))
    project = source
    if not is_project:
        project = folder / "project"
        _write_project(source, project, choices)
    check_project(project)
    packed = pack(project, folder / "deployed.mar", version, on_bytes)
    return Packed(packed.path, _used((project / INFERENCE).read_text(encoding="utf-8")))


def _write_project(model: Path, project: Path, choices: ModelChoices) -> None:
    """Write the project of a model that is copied into it."""
    engine = owner_of(recognise(model))
    described = ModelProject(
        model_path=model,
        model_name=choices.name,
        inferer_type=engine.name,
        converter_type=choices.converter or engine.converter,
        device=choices.device,
        batching_type="continuous" if engine.makes_steps else "none",
    )
    inference: Mapping[str, Any] = yaml.safe_load(render_inference(described))
    inside = Path("models") / model.name
    inference["models"][0]["inferer_path"] = str(inside)
    target = project / inside
    target.parent.mkdir(parents=True)
    if model.is_dir():
        shutil.copytree(model, target)
    else:
        shutil.copyfile(model, target)
    conf = project / "conf"
    conf.mkdir()
    text = yaml.safe_dump(inference, allow_unicode=True, sort_keys=False)
    (conf / "inference.yml").write_text(text, encoding="utf-8")
    (conf / "server.yml").write_text(render_server(described), encoding="utf-8")


def _conf_of_archive(archive: Path) -> str:
    """Return the ``inference.yml`` of an archive; nothing for those of TorchServe."""
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(INFERENCE) as file:
            return file.read(MAX_CONF_BYTES).decode("utf-8", "replace")
    except KeyError:
        return ""
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise DeployError(f"{archive} is not an archive: {error}") from error


def _used(inference: str) -> tuple[str, ...]:
    """Return the services of a configuration whose endpoints come from the director."""
    with suppress(yaml.YAMLError, AttributeError, TypeError):
        services = (yaml.safe_load(inference) or {}).get("services") or []
        return tuple(
            str(one["name"])
            for one in services
            if (one.get("endpoints") or {}).get("source") == "ray" and "name" in one
        )
    return ()
