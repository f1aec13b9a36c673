"""Small services that run as they are, which ``grpst example`` writes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from grps.deploy.project.model_project import TEMPLATES
from grps.errors import DeployError

FOLDER = TEMPLATES / "examples"
PREDICT = "http://127.0.0.1:7080/grps/v1/infer/predict"
_ARRAY = "-H 'Content-Type: application/json' -d '{\"ndarray\": [[1, 2]]}'"


@dataclass(frozen=True, slots=True)
class Example:
    """An example."""

    summary: str
    run: str
    """The command that runs it; ``{folder}`` is where it is."""
    ask: str = ""
    """A command that sends it a request; empty when it serves nothing."""
    needs: str = ""
    """The extra of the package that it needs."""


EXAMPLES = {
    "app": Example(
        "a service in one function: arrays in, arrays out",
        "grpst serve {folder}/app.py",
        f"curl {_ARRAY} {PREDICT}",
    ),
    "image": Example(
        "image files in, labels out, by a built-in converter",
        "grpst serve {folder}/app.py",
        f"curl --data-binary @photo.jpg {PREDICT}",
        needs="image",
    ),
    "text": Example(
        "text in, JSON out",
        "grpst serve {folder}/app.py",
        f"curl -d 'What a great day' {PREDICT}",
    ),
    "stream": Example(
        "an answer in pieces, while it is made",
        "grpst serve {folder}/app.py",
        f"curl -N -d 'one two three' '{PREDICT}?streaming=true'",
    ),
    "batch": Example(
        "a class that is loaded once and runs waiting requests together",
        "grpst serve {folder}/app.py",
        f"curl {_ARRAY} {PREDICT}",
    ),
    "graph": Example(
        "two models as one, configured in a project",
        "grpst start {folder}",
        f"curl {_ARRAY} {PREDICT}",
    ),
    "client": Example(
        "a program that calls the service of the example app",
        "python {folder}/client.py",
    ),
}
"""Examples by name, in the order of the list."""


def write_example(name: str, target: Path) -> list[str]:
    """Write the files of an example.

    Args:
        name: One of ``EXAMPLES``.
        target: The folder; it is made if need be.

    Returns:
        The files, relative to the folder.

    Raises:
        DeployError: One of the files is there already, or the target is no folder.
    """
    if target.exists() and not target.is_dir():
        raise DeployError(f"{target} is not a folder; give another one")
    source = FOLDER / name
    files = sorted(
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    for file in files:
        if (target / file).exists() or (target / file).is_symlink():
            raise DeployError(f"{target / file} is there already; give another folder")
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target / file)
    return [str(file) for file in files]
