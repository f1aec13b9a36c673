"""``grpst sdk``."""

from __future__ import annotations

from pathlib import Path

import click

from grps.cli.output.lines import notice, say


@click.command("sdk")
@click.option("--include", "wanted", flag_value="include", help="Print the folder of the headers.")
@click.option(
    "--cmake_dir",
    "wanted",
    flag_value="cmake",
    help="Print the folder of CMake's package, for -D grps_DIR=FOLDER.",
)
@click.option(
    "--engine",
    metavar="NAME",
    help="Print the library by which native code runs the models of an engine, such as torch; it "
    "is built where it must be.",
)
def command(wanted: str | None, engine: str | None) -> None:
    """Print the folder of the SDK for C++: headers, and a package that CMake finds.

    grpst archive and grpst dev hand it to CMake by themselves.

    \b
    Examples:
      grpst sdk --include
      cmake -S . -B build -D CMAKE_PREFIX_PATH="$(grpst sdk)"
      g++ -std=c++17 -shared -fPIC -I "$(grpst sdk --include)" -o libmy.so my.cpp
      export GRPS_TORCH="$(grpst sdk --engine torch)"   # for a grps-server that is started by hand
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.cpp.sdk import sdk_folder

    if engine is not None:
        say(str(_library_of(engine)))
        return
    folder = sdk_folder()
    say(str(folder if wanted is None else folder / wanted))


def _library_of(engine: str) -> Path:
    """Return the library of an engine.

    Raises:
        click.BadParameter: There is no such engine in native code.
    """
    from grps.backends.libraries import LIBRARIES, native_library

    if engine not in LIBRARIES:
        known = ", ".join(sorted(LIBRARIES))
        raise click.BadParameter(f"{engine!r} is none of {known}", param_hint="--engine")
    return native_library(engine, notice)
