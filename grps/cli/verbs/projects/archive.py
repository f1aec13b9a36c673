"""``grpst archive``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grps.cli.output.byte_progress import ByteProgress, size_text
from grps.cli.output.lines import notice, say
from grps.cli.output.steps import StepProgress
from grps.cli.serving.flag_checks import cmake_defines
from grps.cli.verbs.version import grps_version

if TYPE_CHECKING:
    from grps.deploy.archive.pack import Packed


@click.command("archive")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="./server.mar",
    show_default=True,
    help="Archive to write; an earlier one is replaced.",
)
@click.option("--skip_unittest", is_flag=True, help="Don't run the project's tests.")
@click.option(
    "--cmake_define",
    "defines",
    metavar="NAME=VALUE",
    multiple=True,
    callback=cmake_defines,
    help="Variable of CMake, for projects in C++; can be given several times.",
)
def command(path: Path, output_path: Path, skip_unittest: bool, defines: tuple[str, ...]) -> None:
    """Test a project and pack it into one file that grpst start puts online anywhere.

    PATH is the project's folder. First test.py runs; if it fails nothing is packed. Links are
    followed: what they lead to is packed. Left out are logs, run, __pycache__, .git, virtual
    environments and earlier archives. The same files give the same bytes.

    A project with a CMakeLists.txt is built in a copy, by CMake or by its own build.sh, and its
    unit tests run. The plugins that conf/inference.yml names are packed with the libraries that
    they need; those of the system and of Python packages are left out.

    \b
    Examples:
      grpst archive my_project
      grpst archive . --output_path /tmp/detect.mar
      grpst archive . --skip_unittest
      grpst archive . --cmake_define ONNXRUNTIME_ROOT=/opt/onnxruntime
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.cpp.sources import is_cpp_project
    from grps.deploy.project.app_project import refuse_app
    from grps.deploy.project.checking import check_project, run_test

    refuse_app(path)
    if not path.is_dir():
        raise click.UsageError(f"{path} is a file; give the folder of a project")
    notes = check_project(path)
    is_cpp = is_cpp_project(path)
    if defines and not is_cpp:
        raise click.UsageError(f"--cmake_define: {path} has no CMakeLists.txt")
    if not skip_unittest and (not is_cpp or (path / "test.py").is_file()):
        notice("running test.py")
        run_test(path)
    if is_cpp:
        packed = _pack_built(path, output_path, notes, defines, is_tested=not skip_unittest)
    else:
        packed = _pack(path, output_path, notes)
    for link, target in packed.links:
        notice(f"note: {link} leads to {target}, outside of the project; its contents are packed")
    say(f"archive   {output_path} ({size_text(packed.size)}, {packed.files} files)")
    say(f"sha256    {packed.sha256}")
    say(f"start it  grpst start {shlex.quote(str(output_path))}")


def _pack(path: Path, output: Path, notes: list[str]) -> Packed:
    from grps.deploy.archive.pack import pack

    for note in notes:
        notice(f"note: {note}")
    with ByteProgress() as progress:
        return pack(path, output, grps_version(), progress.show)


def _pack_built(
    path: Path, output: Path, notes: list[str], defines: tuple[str, ...], *, is_tested: bool
) -> Packed:
    from grps.deploy.archive.pack import pack
    from grps.deploy.cpp.build import built_copy
    from grps.deploy.cpp.plan import BuildChoices

    with StepProgress() as steps:
        copy = built_copy(path, BuildChoices(defines), steps.show, is_tested=is_tested)
        with copy as built:
            steps.end()
            for note in (*notes, *built.notes):
                notice(f"note: {note}")
            with ByteProgress() as progress:
                return pack(path, output, grps_version(), progress.show, built.files)
