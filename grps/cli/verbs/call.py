"""``grpst call``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from grps.cli.calling.inputs import read_inputs
from grps.cli.calling.outputs import FORMS, render
from grps.cli.calling.service import KEY_VARIABLE, PROTOCOLS, Connection, connect
from grps.cli.choices import Words
from grps.cli.names import complete_model, complete_running


@click.command("call")
@click.argument("model", shell_complete=complete_model)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("--text", help="Send this text as it is, instead of an INPUT.")
@click.option("--stream", is_flag=True, help="Ask for a stream and print each piece as it comes.")
@click.option("-o", "--output", "form", type=click.Choice(FORMS), help="Form of the result.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
@click.option(
    "--protocol",
    type=Words(PROTOCOLS),
    metavar=f"[{'|'.join(PROTOCOLS)}]",
    default=PROTOCOLS[0],
    show_default=True,
    help="Protocol of the call.",
)
@click.option(
    "-s",
    "--service",
    shell_complete=complete_running,
    help="A service of this machine; not needed while only one runs.",
)
@click.option("--address", metavar="HOST:PORT", help="A service anywhere, instead.")
@click.option("--tls", is_flag=True, help="Call --address with TLS.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Authorities that sign its certificate, in PEM; otherwise those of the system.",
)
@click.option(
    "--key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File with the key; otherwise ${KEY_VARIABLE} is sent if it is set.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds until the call is given up; by default 60, and no limit for a stream.",
)
def command(
    model: str,
    inputs: tuple[str, ...],
    text: str | None,
    stream: bool,
    form: str | None,
    to: Path | None,
    **options: Any,
) -> None:
    """Call a model of a running service, and print what it returns.

    MODEL is a name, or name-version; '' calls the default graph. An INPUT is VALUE, or NAME=VALUE
    any number of times. A VALUE is a list in JSON (a tensor, with the element type of the model's
    input), @FILE, or else a text. A file ending with .npy, .npz or .json has tensors, .txt a text;
    of any other, such as a picture, the bytes are sent. '-' reads a text from standard input, '@-'
    bytes. A number with a name is a tensor.

    Without --output, texts and bytes are printed as they are, and tensors as a table.

    \b
    Examples:
      grpst call double '[[1, 2], [3, 4]]'
      grpst call classifier @cat.jpg
      grpst call writer "once upon a time" --stream
      grpst call net x=@x.npy threshold=0.5 --output npy --to y.npy
      grpst call double '[[1, 2]]' --address 10.0.0.7:7081 --protocol grpc --output json
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if text is not None and inputs:
        raise click.UsageError("give either --text or inputs")
    if stream and form == "npy":
        raise click.UsageError("npy is for one tensor, not for a stream; use --output json")
    given = text if text is not None else read_inputs(inputs)
    with _opened(to) as file, connect(Connection(**options)) as service:
        content = service.content(model, given)
        if stream:
            outputs = service.stream(model, content)
        else:
            outputs = iter((service.predict(model, content),))
        last = None
        for last in outputs:
            if to is None and sys.stdout.isatty() and (last.data is not None or form == "npy"):
                raise click.ClickException("the result is binary; add --to FILE")
            file.write(render(last, form))
            file.flush()
        if to is None and last is not None and last.text is not None and form != "json":
            file.write(b"" if last.text.endswith("\n") else b"\n")
            file.flush()


@contextmanager
def _opened(to: Path | None) -> Iterator[BinaryIO]:
    """Open what the result is written to; a call that fails leaves no file."""
    if to is None:
        yield sys.stdout.buffer
        return
    part = to.with_name(f"{to.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
