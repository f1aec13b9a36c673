"""``grpst tune``."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import click

from grps.cli.choices import Words
from grps.cli.output.files import check_writable
from grps.cli.output.lines import complain, notice, say
from grps.cli.output.progress import ProgressLine
from grps.cli.output.table import print_columns
from grps.cli.perf.options import read_shapes
from grps.cli.serving import flag_checks
from grps.cli.tune.subject import Subject, read_subject
from grps.client.settings import PROTOCOLS
from grps.deploy.supervision.interrupts import interrupted_by_sigterm
from grps.tune import OBJECTIVES, BusyMachineError, Outcome, Search, read_goal, tune
from grps.tune.patch import apply, to_yaml
from grps.tune.report.page import to_page
from grps.tune.report.records import to_json
from grps.tune.report.text import lines, table

_NO_VERDICT = 3
_TIME = re.compile(r"(\d+(?:\.\d+)?)(s|m|)")
_LEAST_S, _MOST_S = 10.0, 24 * 3600.0
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


def _seconds(_: click.Context, __: click.Parameter, text: str) -> float:
    match = _TIME.fullmatch(text)
    seconds = float(match[1]) * (60 if match[2] == "m" else 1) if match else -1.0
    if not _LEAST_S <= seconds <= _MOST_S:
        raise click.BadParameter(f"{text!r}: use seconds or minutes from 10s to 24 hours, as 60s")
    return seconds


@click.command("tune")
@click.argument("target", metavar="MODEL")
@click.option("--slo", multiple=True, required=True, metavar="p99=20ms",
              help="The percentile of the latency that has to hold.")  # fmt: skip
@click.option("--objective", type=click.Choice(OBJECTIVES), default=OBJECTIVES[0],
              show_default=True, help="What is to be best within it.")  # fmt: skip
@click.option("-r", "--rate", type=click.FloatRange(min=0, min_open=True),
              help="Requests per second, for cost and latency.")  # fmt: skip
@click.option("-m", "--model", help="The model of a project or service that has several.")
@click.option("--engine", "engines", multiple=True, metavar="NAME",
              help="Try this engine only; may be repeated.  [default: all that run the model]",
              )  # fmt: skip
@click.option("--shape", "shapes", multiple=True, metavar="[NAME=]N,N...",
              help="Shape of an input whose sizes the model leaves open; one row.",
              )  # fmt: skip
@click.option("--protocol", type=Words(PROTOCOLS), default=PROTOCOLS[0], show_default=True,
              metavar=f"[{'|'.join(PROTOCOLS)}]", help="Of the requests under load.")  # fmt: skip
@click.option("--device", callback=flag_checks.device, help="Where the file of a model runs.")
@click.option("--max_time", default="60s", show_default=True, callback=_seconds,
              help="How long the search may take.")  # fmt: skip
@click.option("--output", type=_NEW_FILE, help="Write the changes of inference.yml, as YAML.")
@click.option("--json", "json_file", type=_NEW_FILE, help="Write everything as JSON.")
@click.option("--html", "html_file", type=_NEW_FILE, help="Write a page with plots.")
@click.option("--apply", "applies", is_flag=True,
              help="Put better settings into the inference.yml of the project or service.",
              )  # fmt: skip
@click.option("--fresh", is_flag=True,
              help="Begin anew, though an interrupted search has left measurements.")  # fmt: skip
@click.option("--force", is_flag=True, help="Give a verdict although the machine is busy.")
def command(target: str, **options: Any) -> None:
    """Find the settings with which a model serves best while a latency holds.

    MODEL is a model file, the folder of a project, or a service of grpst ps. Tried are its engines,
    threads, instances in threads and processes, sizes of batches and waits for them. Batches are
    measured with the engines, the batcher is simulated on that, the best few are tried under load
    beside what the model has now, and only what is better there is reported.

    The objective is throughput (the highest rate at which the latency holds), cost (the fewest CPU
    seconds for each request at --rate) or latency (the lowest one at --rate). Nothing that runs is
    changed without --apply. On a machine that others use there is no verdict: the exit code is 3.

    \b
    Examples:
      grpst tune model.onnx --slo p99=20ms
      grpst tune model.onnx --slo p99=20ms --html report.html --output tuned.yml
      grpst tune my_grps --slo p99=50ms --objective cost --rate 200
      grpst tune my_project --slo p95=10ms --apply
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    goal = read_goal(options["slo"], options["objective"], options["rate"])
    subject = read_subject(target, options["model"], options["device"])
    if options["applies"] and subject.file is None:
        raise click.UsageError(
            "--apply changes the inference.yml of a project or service; for a model file, use "
            "--output"
        )
    search = Search(
        config=subject.config,
        goal=goal,
        concurrency=subject.concurrency,
        shapes=read_shapes(options["shapes"]),
        protocol=options["protocol"],
        engines=options["engines"],
        max_time_s=options["max_time"],
        force=options["force"],
        fresh=options["fresh"],
    )
    check_writable(options["output"], options["json_file"], options["html_file"])
    try:
        outcome = _run(search)
    except BusyMachineError as error:
        complain(str(error))
        sys.exit(_NO_VERDICT)
    _report(outcome, options)
    if options["applies"] and outcome.verdict == "better":
        _apply(outcome, subject)
    if outcome.verdict == "none":
        sys.exit(_NO_VERDICT)


def _run(search: Search) -> Outcome:
    began = time.monotonic()
    title = f"tuning {search.config.key}: {search.goal.text}"
    with interrupted_by_sigterm(), ProgressLine(title) as line:
        return tune(search, lambda phase, text: line.show(phase, text, time.monotonic() - began))


def _report(outcome: Outcome, options: dict[str, Any]) -> None:
    print_columns(table(outcome))
    for line in lines(outcome):
        notice(line)
    if options["output"] is not None:
        options["output"].write_text(to_yaml(outcome), encoding="utf-8")
    elif outcome.changes and not options["applies"]:
        say(f"\n{to_yaml(outcome)}".rstrip())
    if options["json_file"] is not None:
        options["json_file"].write_text(to_json(outcome), encoding="utf-8")
    if options["html_file"] is not None:
        options["html_file"].write_text(to_page(outcome), encoding="utf-8")


def _apply(outcome: Outcome, subject: Subject) -> None:
    file, written = subject.file, subject.written
    assert file is not None
    assert written is not None
    backup = apply(outcome, file, written)
    notice(f"{file}: changed; the old one is {backup}")
    if subject.service is not None:
        notice(f"put it into effect with: grpst restart {subject.service}")
