"""``grpst archive``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from grps.cli.output.byte_progress import ByteProgress, size_text
from grps.cli.output.lines import notice, say
from grps.cli.verbs.version import grps_version


@click.command("archive")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="./server.mar",
    show_default=True,
    help="Archive to write; an earlier one is replaced.",
)
@click.option("--skip_unittest", is_flag=True, help="Don't run the project's test.py.")
def command(path: Path, output_path: Path, skip_unittest: bool) -> None:
    """Test a project and pack it into one file that grpst start puts online anywhere.

    PATH is the project's folder. First test.py runs; if it fails nothing is packed. Links are
    followed: what they lead to is packed. Left out are logs, run, __pycache__, .git, virtual
    environments and earlier archives. The same files give the same bytes.

    \b
    Examples:
      grpst archive my_project
      grpst archive . --output_path /tmp/detect.mar
      grpst archive . --skip_unittest
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.archive.pack import pack
    from grps.deploy.project.checking import check_project, run_test

    notes = check_project(path)
    if not skip_unittest:
        notice("running test.py")
        run_test(path)
    for note in notes:
        notice(f"note: {note}")
    with ByteProgress() as progress:
        packed = pack(path, output_path, grps_version(), progress.show)
    for link, target in packed.links:
        notice(f"note: {link} leads to {target}, outside of the project; its contents are packed")
    say(f"archive   {output_path} ({size_text(packed.size)}, {packed.files} files)")
    say(f"sha256    {packed.sha256}")
    say(f"start it  grpst start {shlex.quote(str(output_path))}")
