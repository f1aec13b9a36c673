"""Makes a project of a model archive of TorchServe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from grps.deploy.archive.model_archive import unpack_model_archive
from grps.deploy.archive.unpack import Limits, OnBytes
from grps.deploy.project.model_project import fill_template
from grps.deploy.project.requirements import FILE_NAME
from grps.deploy.project.torchserve.manifest import MarModel, read_manifest
from grps.deploy.project.torchserve.settings import MarSettings, read_settings
from grps.errors import ArchiveError
from grps.server.files import write_atomically

MODEL_FOLDER = "model"
"""Holds the unpacked archive, in the project."""
MIN_CONCURRENCY = 32


@dataclass(frozen=True, slots=True)
class MarChoices:
    """What a user says of a model archive; it overrides what the archive says."""

    instances: int | None = None
    max_batch_size: int | None = None

    @property
    def flags(self) -> list[str]:
        """The flags that are given."""
        both = {"--instances": self.instances, "--max_batch_size": self.max_batch_size}
        return [flag for flag, value in both.items() if value is not None]

    def apply(self, settings: MarSettings) -> MarSettings:
        """Return the settings of an archive with what is given."""
        return replace(
            settings,
            instances=self.instances or settings.instances,
            max_batch_size=self.max_batch_size or settings.max_batch_size,
        )


NO_CHOICES = MarChoices()


def unpack_as_project(
    archive: Path, target: Path, choices: MarChoices, limits: Limits, on_bytes: OnBytes
) -> None:
    """Unpack a model archive into a new project.

    Args:
        archive: The archive.
        target: The project's folder, which is made. What is in it when this fails is the caller's
            to remove.
        choices: What the user says of it.
        limits: Limits of the archive.
        on_bytes: Receives the progress.

    Raises:
        ArchiveError: The archive is damaged or unsafe, or needs what GRPS does not have.
    """
    folder = target / MODEL_FOLDER
    unpack_model_archive(archive, folder, limits=limits, on_bytes=on_bytes)
    try:
        model = read_manifest(folder)
        settings = choices.apply(read_settings(folder, model.config_file))
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {error}") from error
    for name, text in _configuration(model, settings).items():
        write_atomically(target / "conf" / name, text.encode())
    if model.requirements_file:
        line = f"-r {MODEL_FOLDER}/{model.requirements_file}\n"
        write_atomically(target / FILE_NAME, line.encode())


def _configuration(model: MarModel, settings: MarSettings) -> dict[str, str]:
    return {
        "inference.yml": fill_template(
            "torchserve/inference.yml",
            name=model.model_name,
            version=model.model_version,
            key=f"{model.model_name}-{model.model_version}",
            device=settings.device,
            inferer_path=MODEL_FOLDER,
            instances=settings.instances,
            batching_type="dynamic" if settings.max_batch_size > 1 else "none",
            max_batch_size=settings.max_batch_size,
            batch_timeout_us=settings.batch_timeout_us,
            max_queue=settings.max_queue,
        ),
        "server.yml": fill_template(
            "torchserve/server.yml",
            hang_timeout_ms=settings.hang_timeout_ms,
            # A full batch for each instance, and as much that waits.
            max_concurrency=max(MIN_CONCURRENCY, 2 * settings.instances * settings.max_batch_size),
        ),
    }
