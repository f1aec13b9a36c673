"""``grpst sdk``."""

from __future__ import annotations

import click

from grps.cli.output.lines import say


@click.command("sdk")
@click.option("--include", "wanted", flag_value="include", help="Print the folder of the headers.")
@click.option(
    "--cmake_dir",
    "wanted",
    flag_value="cmake",
    help="Print the folder of CMake's package, for -D grps_DIR=FOLDER.",
)
def command(wanted: str | None) -> None:
    """Print the folder of the SDK for C++: headers, and a package that CMake finds.

    grpst archive and grpst dev hand it to CMake by themselves.

    \b
    Examples:
      grpst sdk --include
      cmake -S . -B build -D CMAKE_PREFIX_PATH="$(grpst sdk)"
      g++ -std=c++17 -shared -fPIC -I "$(grpst sdk --include)" -o libmy.so my.cpp
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.cpp.sdk import sdk_folder

    folder = sdk_folder()
    say(str(folder if wanted is None else folder / wanted))
