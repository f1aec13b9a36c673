"""Whether a project's code registers the converters and inferers that its models name.

The source is read first. The code is imported, in a process of its own, only where the source has
no such name: it may register names that it computes, or leave that to a package.
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from grps.config.schema import ModelConfig
from grps.config.suggest import hint
from grps.errors import DeployError
from grps.server.project import Project, inferer_file, needs_user_code

MARK = "registered: "
_IMPORT = f"""
import json, sys
from pathlib import Path
from grps.inference.registry import converter_register, inferer_register
from grps.server.project import Project
Project.read(Path.cwd(), Path(sys.argv[1])).import_user_code()
found = [[*inferer_register.model_inferer_dict], [*converter_register.converter_dict]]
print({MARK!r} + json.dumps(found))
"""
WAIT_S = 300.0
"""Longest time for the import of the code."""


def check_code(project: Project, python: str) -> list[str]:
    """Check the project's source and the names that it registers.

    Args:
        project: The project.
        python: The interpreter that can import its code.

    Returns:
        Notes for the user: names that may be missing, where the code can't be imported here.

    Raises:
        DeployError: A file is not valid Python, or a name is not registered.
    """
    models = [model for model in project.inference.models if needs_user_code(model)]
    if not models:
        return []
    written = set(_names(project.folder / "src"))
    doubtful = [one for model in models for one in _named(model) if one[1:] not in written]
    if not doubtful:
        return []
    registered = _import(project, python)
    notes = []
    for model, kind, name in doubtful:
        if registered is None:
            notes.append(
                f"{model}: src registers no {kind} as {name!r}, as far as its source shows; "
                "it can't be imported here"
            )
        elif name not in (names := registered[kind]):
            known = ", ".join(sorted(names)) or "none"
            raise DeployError(
                f"{model}: {kind}_name {name!r} is not registered in {project.folder / 'src'}"
                f"{hint(name, names)}; registered: {known}"
            )
    return notes


def _named(model: ModelConfig) -> Iterator[tuple[str, str, str]]:
    in_file = inferer_file(model) is not None
    if model.inferer_type == "customized" and model.inferer_name is not None and not in_file:
        yield model.key, "inferer", model.inferer_name
    if model.converter_type == "customized" and model.converter_name is not None:
        yield model.key, "converter", model.converter_name


def _names(source: Path) -> Iterator[tuple[str, str]]:
    """Yield what calls of ``register`` in the source register: its kind and its name."""
    for file in sorted(source.rglob("*.py")):
        try:
            tree = ast.parse(file.read_bytes())
        except SyntaxError as error:
            raise DeployError(f"{file}:{error.lineno}: {error.msg}") from error
        except ValueError as error:
            raise DeployError(f"{file}: {error}") from error
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=register), attr="register"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    yield register.removesuffix("_register"), name


def _import(project: Project, python: str) -> dict[str, list[str]] | None:
    """Return the names that are registered once the code is imported; ``None`` when it fails."""
    try:
        ran = subprocess.run(
            [python, "-c", _IMPORT, str(project.inference_file.parent.resolve())],
            cwd=project.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    lines = [line for line in ran.stdout.splitlines() if line.startswith(MARK)]
    if ran.returncode != 0 or not lines:
        return None
    inferers, converters = json.loads(lines[-1].removeprefix(MARK))
    return {"inferer": inferers, "converter": converters}
