"""``python -m grps.server``: serve a project in this process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from grps.errors import GrpsError, ModelError, docs_place
from grps.inference.runner import describe
from grps.log import StderrFormat, json_line, stderr_format
from grps.server.app import App, Options
from grps.server.ending import run_and_end
from grps.server.files import absolute


def main(in_words: Callable[[str], str] = str) -> int:
    """Serve the project named on the command line.

    Args:
        in_words: Puts an error that ends the start into the words of whoever reads it.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m grps.server", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path(), help="project folder")
    parser.add_argument("--service", type=Path, help="folder of conf/ and logs/, if another")
    parser.add_argument("--port", help="listen here, not where server.yml says")
    parser.add_argument("--state_file", type=Path, help="file for the phase of the process")
    parser.add_argument("--stderr", action="store_true", help="log to standard error as well")
    arguments = parser.parse_args()
    folder = absolute(arguments.project)
    if not folder.is_dir():
        parser.error(f"{folder} is not a folder")
    options = Options(
        service=absolute(arguments.service or folder),
        state_file=absolute(arguments.state_file) if arguments.state_file else None,
        to_stderr=arguments.stderr,
        only_stderr=_only_stderr(parser),
        port=arguments.port,
    )
    os.chdir(folder)
    try:
        App(folder, options).run()
    except GrpsError as error:
        _complain(in_words(str(error)), options, error.docs)
        return 1
    except Exception as error:
        _complain(describe(error), options)
        raise
    except BaseException as error:
        # A service that user code has ended has not ended in order, whatever its exit code.
        _complain(describe(error), options)
        return 1
    return 0


def _only_stderr(parser: argparse.ArgumentParser) -> StderrFormat | None:
    try:
        return stderr_format()
    except ValueError as error:
        parser.error(str(error))


def _complain(text: str, options: Options, docs: str = ModelError.docs) -> None:
    see = f"see: {docs_place(docs)}"
    if options.only_stderr == "json":
        sys.stderr.write(f"{json_line('ERROR', f'{text}; {see}')}\n")
    else:
        sys.stderr.write(f"error: {text}\n{see}\n")


if __name__ == "__main__":
    run_and_end(main)
