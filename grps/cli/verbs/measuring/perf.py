"""``grpst perf``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from grps.cli.calling.inputs import read_inputs, to_content
from grps.cli.calling.types import types_of
from grps.cli.choices import Words
from grps.cli.names import complete_running
from grps.cli.output.lines import notice
from grps.cli.output.table import print_columns
from grps.cli.perf.options import (
    read_headers,
    read_loads,
    read_shapes,
)
from grps.cli.perf.session import machine, now, run_loads
from grps.cli.perf.target import read_target
from grps.perf import PROTOCOLS, Content, Limits, Prepared, Target, Window, make_requests, probe
from grps.perf.report.page import to_page
from grps.perf.report.records import to_json
from grps.perf.report.session import Session
from grps.perf.report.text import lines, table
from grps.perf.requests.asking import choose_model, describe
from grps.perf.slo import read_objectives

_INTERRUPTED = 130
_SLO_MISSED = 1
_POSITIVE = click.FloatRange(min=0, min_open=True)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("perf")
@click.argument("target", shell_complete=complete_running)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("-m", "--model", help="The model; not needed while there is one.")
@click.option(
    "--protocol",
    type=Words(PROTOCOLS),
    metavar=f"[{'|'.join(PROTOCOLS)}]",
    default=PROTOCOLS[0],
    show_default=True,
    help="Protocol of the requests; openai for chats of a language model.",
)
@click.option("--stream", is_flag=True, help="Ask for streams and measure their chunks.")
@click.option("-c", "--concurrency", metavar="N[,N]...", help="Open requests at all times.")
@click.option("-r", "--rate", metavar="N[,N]...", help="Requests per second, sent at their times.")
@click.option("--trace", type=_FILE, help="Send at the times of a file: seconds, a line each.")
@click.option(
    "--arrivals",
    type=click.Choice(("poisson", "constant")),
    default="poisson",
    show_default=True,
    help="Distances between the requests of --rate.",
)
@click.option("-d", "--duration", type=_POSITIVE, help="Seconds of each load; by default 10.")
@click.option("-n", "--requests", type=click.IntRange(min=1), help="Requests of each load.")
@click.option("--warmup", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Seconds before them that are not measured.")  # fmt: skip
@click.option("--timeout", type=_POSITIVE, default=60.0, show_default=True,
              help="Seconds until a request has failed.")  # fmt: skip
@click.option("--text", help="Send this text as it is, instead of an INPUT.")
@click.option("--input", "file", type=_FILE, help="Send the lines of a file: bodies in JSON.")
@click.option("--shape", "shapes", multiple=True, metavar="[NAME=]N,N...",
              help="Shape of a generated input.")  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True,
              help="First size of generated inputs that leave it open.")  # fmt: skip
@click.option("--prompt_words", type=click.IntRange(1, 100_000), default=64, show_default=True,
              help="Words of generated prompts.")  # fmt: skip
@click.option("--output_tokens", type=click.IntRange(min=1), default=64, show_default=True,
              help="Most tokens of an answer to them.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63), default=1, show_default=True,
              help="Of generated inputs and arrivals.")  # fmt: skip
@click.option("--method", help="Method of requests to a URL with a path.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
              help="Header of requests to a URL with a path.")  # fmt: skip
@click.option("--slo", multiple=True, metavar="p99=20ms[,...]",
              help="Limits; the exit code is 1 if one is missed.")  # fmt: skip
@click.option("--json", "json_file", type=_NEW_FILE, help="Write the result as JSON.")
@click.option("--html", "html_file", type=_NEW_FILE, help="Write it as a page with plots.")
@click.option("--tls", is_flag=True, help="Call HOST:PORT with TLS.")
@click.option("--ca", type=_FILE, help="Authorities that sign its certificate, in PEM.")
@click.option("--key_file", type=_FILE, help="File with the key; otherwise $GRPS_KEY is sent.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Threads that send.")  # fmt: skip
@click.option("--connections", type=click.IntRange(1, 100_000),
              help="Most connections; by default one for each open request.")  # fmt: skip
@click.option("--max_open", type=click.IntRange(1, 100_000), default=10_000, show_default=True,
              help="Most open requests; more of --rate are not sent.")  # fmt: skip
def command(target: str, inputs: tuple[str, ...], **options: Any) -> None:
    """Measure latency and throughput of a running service under load.

    TARGET is a service of grpst ps, or HOST:PORT or http://HOST:PORT of any server that has the
    protocol; with a path, such as http://HOST:PORT/predict, requests are sent there as they are.
    Without INPUT (as for grpst call), --text and --input, inputs are generated from what the model
    says that it takes.

    With --concurrency (by default 16), so many requests are open at all times. With --rate,
    requests are sent at their times, and latency counts from the time at which a request was to be
    sent.

    \b
    Examples:
      grpst perf my_service
      grpst perf my_service --concurrency 1,8,32 --html report.html
      grpst perf 10.0.0.7:7080 --rate 100,200,400 --slo p99=20ms
      grpst perf my_service --protocol openai --concurrency 8
      grpst perf http://10.0.0.7:8000/predict --input requests.jsonl --rate 50
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    loads = read_loads(
        options["concurrency"],
        options["rate"],
        options["trace"],
        arrivals=options["arrivals"],
        seed=options["seed"],
    )
    objectives = read_objectives(options["slo"])
    place = read_target(target, tls=options["tls"], ca=options["ca"], key_file=options["key_file"])
    protocol = options["protocol"]
    model = choose_model(protocol, place, options["model"])
    given = _given(inputs, options, lambda: types_of(describe(protocol, place, model)))
    content, streaming = _content(given, options), options["stream"]
    prepared = make_requests(protocol, place, model, content, streaming=streaming)
    limits = _limits(options)
    _probe(place, prepared, limits)
    started_at = now()
    found = run_loads(place, prepared, loads, _window(options), limits)
    about = (place.address + place.path, protocol, prepared.about, started_at, machine())
    session = Session(*about, tuple(found), objectives)
    _report(session, options["json_file"], options["html_file"])
    if found[-1].is_stopped:
        sys.exit(_INTERRUPTED)
    if not all(map(session.meets, found)):
        sys.exit(_SLO_MISSED)


def _given(
    inputs: tuple[str, ...], options: dict[str, Any], types: Callable[[], dict[str, np.dtype[Any]]]
) -> Any:
    """Return the inputs of the command line; ``None`` if there are none."""
    sources = [inputs != (), options["text"] is not None, options["file"] is not None]
    if sum(sources) > 1:
        raise click.UsageError("give either inputs, --text or --input")
    return to_content(read_inputs(inputs), types) if inputs else options["text"]


def _content(given: Any, options: dict[str, Any]) -> Content:
    return Content(
        given=given,
        file=options["file"],
        batch=options["batch"],
        shapes=read_shapes(options["shapes"]),
        seed=options["seed"],
        prompt_words=options["prompt_words"],
        output_tokens=options["output_tokens"],
        method=options["method"],
        headers=read_headers(options["headers"]),
    )


def _window(options: dict[str, Any]) -> Window:
    duration, count = options["duration"], options["requests"]
    is_endless = duration is None and count is None and options["trace"] is None
    # The times of a trace are all of it.
    warmup = 0.0 if options["trace"] is not None else options["warmup"]
    return Window(warmup, 10.0 if is_endless else duration, count)


def _limits(options: dict[str, Any]) -> Limits:
    return Limits(
        timeout_s=options["timeout"],
        max_open=options["max_open"],
        connections=options["connections"],
        threads=options["threads"],
    )


def _probe(target: Target, prepared: Prepared, limits: Limits) -> None:
    notice(f"{target.address}: {prepared.about}")
    probe(target, prepared, limits)


def _report(session: Session, json_file: Path | None, html_file: Path | None) -> None:
    print_columns(table(session))
    for line in lines(session):
        notice(line)
    if json_file is not None:
        json_file.write_text(to_json(session), encoding="utf-8")
    if html_file is not None:
        html_file.write_text(to_page(session), encoding="utf-8")
