"""A Python environment of a service's own, on top of the one that grpst runs in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from grps.deploy.project.requirements import FILE_NAME, Requirements
from grps.errors import DeployError

STAMP = ".grps"
"""File in an environment that says what it was made for."""
PARENT_PTH = "grps_parent.pth"
LEFT_OUT = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PYTHONHOME")
"""Variables that would send packages elsewhere."""
SHOWN_LINES = 8

OnLine = Callable[[str], None]


def prepare_environment(
    folder: Path, project: Path, requirements: Requirements, on_line: OnLine
) -> str:
    """Return the Python that meets a project's requirements, made when need be.

    Args:
        folder: Where the service's environment is or will be; an earlier one stays as it is when
            the new one can't be made.
        project: Where pip runs, so that relative paths in the requirements are the project's.
        requirements: What is needed.
        on_line: Receives the progress.

    Raises:
        DeployError: pip can't install them; the text has pip's own cause.
    """
    missing = requirements.missing()
    if not missing:
        return sys.executable
    python = folder / "bin" / "python"
    stamp = f"{requirements.digest} {sys.executable} {sys.version}"
    if python.exists() and _stamp_of(folder) == stamp:
        on_line(f"using the service's environment {folder}")
        return str(python)
    for fault in missing:
        on_line(fault)
    on_line(f"making an environment for the service: {folder}")
    earlier = folder.with_name(f".{folder.name}.earlier")
    shutil.rmtree(earlier, ignore_errors=True)
    if folder.exists():
        folder.rename(earlier)
    try:
        _make(folder, python)
        _install(python, project, on_line)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if earlier.exists():
            earlier.rename(folder)
        raise
    (folder / STAMP).write_text(stamp)
    shutil.rmtree(earlier, ignore_errors=True)
    return str(python)


def _stamp_of(folder: Path) -> str:
    try:
        return (folder / STAMP).read_text()
    except OSError:
        return ""


def _make(folder: Path, python: Path) -> None:
    """Make an environment that sees the packages of this one, GRPS among them."""
    _run(
        [sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", str(folder)],
        "the environment can't be made",
    )
    paths = {key: str(folder) for key in ("base", "platbase", "installed_base")}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    parents = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # addsitedir, as a bare path would leave out the .pth files there (editable installs).
    lines = [f"import site; site.addsitedir({parent!r})\n" for parent in sorted(parents)]
    (site / PARENT_PTH).write_text("".join(lines))
    if not any(metadata.distributions(name="pip")):
        _run([str(python), "-m", "ensurepip", "--default-pip"], "pip can't be installed")
    _run([str(python), "-c", "import grps"], "the environment does not see GRPS")


def _install(python: Path, project: Path, on_line: OnLine) -> None:
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    process = subprocess.Popen(
        [*command, "--progress-bar", "off", "-r", FILE_NAME],
        cwd=project,
        env=_variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            text = line.strip()
            if not text:
                continue
            lines.append(text)
            if not text.startswith("Requirement already satisfied"):
                on_line(text)
    except BaseException:
        process.terminate()
        raise
    finally:
        process.stdout.close()
        process.wait()
    if process.returncode != 0:
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-SHOWN_LINES:]
        shown = "".join(f"\n  {line}" for line in errors[-SHOWN_LINES:])
        raise DeployError(f"pip can't install {project / FILE_NAME}:{shown}")


def _run(command: list[str], failure: str) -> None:
    answer = subprocess.run(
        command,
        env=_variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if answer.returncode != 0:
        shown = "".join(f"\n  {line}" for line in answer.stdout.splitlines()[-SHOWN_LINES:])
        raise DeployError(f"{failure} ({sys.executable}):{shown}")


def _variables() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
