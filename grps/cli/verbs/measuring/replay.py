"""``grpst replay``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from grps.cli.names import complete_running
from grps.cli.output.files import check_writable
from grps.cli.output.lines import notice, say
from grps.cli.output.progress import ProgressLine
from grps.cli.perf.session import allow_connections
from grps.cli.perf.target import read_target
from grps.perf import Limits, PerfError, Progress, Target
from grps.perf.replay import Difference, Replay, Replayed, to_json
from grps.perf.report.text import milliseconds

_INTERRUPTED = 130
_DIFFERENT = 1
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_SHOWN_ERRORS = 3


def _speed(_: click.Context, __: click.Parameter, value: str) -> float | None:
    if value == "max":
        return None
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise click.BadParameter("use a number above 0, such as 1 or 2.5, or max")
    return speed


@click.command("replay")
@click.argument("capture", type=_FILE)
@click.argument("target", shell_complete=complete_running)
@click.option("--version", metavar="VERSION", help="Version of each model; as recorded if absent.")
@click.option("-m", "--model", help="Model or graph that gets all requests.")
@click.option("--speed", callback=_speed, default="1", show_default=True, metavar="N|max",
              help="How much faster than recorded; max sends when replies come.")  # fmt: skip
@click.option("-c", "--concurrency", type=click.IntRange(1, 10_000), default=16, show_default=True,
              help="Open requests with --speed max.")  # fmt: skip
@click.option("--tolerance", metavar="rel=N,abs=N",
              help="How far numbers may be from the recorded ones.")  # fmt: skip
@click.option("--max_differences", type=click.IntRange(min=0), default=0, show_default=True,
              help="Different replies above which the exit code is 1.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0,
              show_default=True, help="Seconds until a request has failed.")  # fmt: skip
@click.option("--json", "json_file", type=_NEW_FILE, help="Write the result as JSON.")
@click.option("--tls", is_flag=True, help="Call HOST:PORT with TLS.")
@click.option("--ca", type=_FILE, help="Authorities that sign its certificate, in PEM.")
@click.option("--key_file", type=_FILE, help="File with the key; otherwise $GRPS_KEY is sent.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Threads that send.")  # fmt: skip
def command(capture: Path, target: str, json_file: Path | None, **options: Any) -> None:
    """Send recorded requests again, and compare the replies with the recorded ones.

    CAPTURE is a file of grpst capture fetch. TARGET is a service of grpst ps, or HOST:PORT of
    one. Requests are sent over gRPC, at the times at which they came.

    Numbers of replies are equal within --tolerance: |reply - recorded| <= abs + rel * |recorded|.
    The exit code is 1 if more than --max_differences replies differ, or some are missing.

    \b
    Examples:
      grpst replay requests.grpscap my_service
      grpst replay requests.grpscap my_service --version 2.0.0 --tolerance rel=1e-3,abs=1e-6
      grpst replay requests.grpscap 10.0.0.7:7080 --speed max --json result.json
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if options["version"] is not None and options["model"] is not None:
        raise click.UsageError("give either --version or --model")
    place = read_target(target, tls=options["tls"], ca=options["ca"], key_file=options["key_file"])
    if place.path:
        raise PerfError(f"{target}: give HOST:PORT without a path; requests are sent over gRPC")
    replay = Replay(
        capture,
        version=options["version"],
        model=options["model"],
        tolerance=options["tolerance"],
    )
    check_writable(json_file)
    replayed = _send(replay, capture.name, place, options)
    _report(replayed)
    if json_file is not None:
        json_file.write_text(json.dumps(to_json(replayed), indent=1), encoding="utf-8")
    if replayed.measurement.is_stopped:
        sys.exit(_INTERRUPTED)
    nothing = replayed.capture.damage is not None or not replayed.found.compared
    if nothing or replayed.missing or replayed.found.differences > options["max_differences"]:
        sys.exit(_DIFFERENT)


def _send(replay: Replay, name: str, place: Target, options: dict[str, Any]) -> Replayed:
    about = replay.capture
    if about.damage is not None:
        notice(f"{name}: {about.damage}; the {about.requests} requests before it are sent")
    limits = Limits(timeout_s=options["timeout"], threads=options["threads"])
    allow_connections(limits)
    with ProgressLine(f"{place.address}: {about.requests} requests of {name}") as line:

        def show(progress: Progress) -> None:
            done = progress.succeeded + progress.failed
            detail = f"{done} of {about.requests}, {progress.failed} failed"
            line.show("", f"{detail}, {progress.open} open", progress.elapsed_s)

        return replay.send(
            place,
            options["speed"],
            options["concurrency"],
            limits,
            show if line.is_live else None,
        )


def _report(replayed: Replayed) -> None:
    found, measured = replayed.found, replayed.measurement
    rows = (
        ("equal", found.equal),
        ("within tolerance", found.within_tolerance),
        ("different", found.different),
        ("other outcome", found.other_outcomes),
    )
    for name, count in rows:
        say(f"{name.ljust(16)}  {count}")
    say(f"largest difference: absolute {found.max_absolute:.3g}, relative {found.max_relative:.3g}")
    if measured.latency.count:
        p50, p99 = (milliseconds(measured.latency.percentile(share)) for share in (50, 99))
        say(f"latency: p50 {p50}, p99 {p99}")
    if found.not_compared:
        notice(f"{found.not_compared} not compared: when they were recorded, the service was busy")
    if replayed.missing:
        notice(f"{replayed.missing} without a reply: they were not sent, or given up")
    if len(found.routes) > 1:
        for route, one in found.routes.items():
            name = route or "the default graph"
            say(f"{name}: {one.different} of {one.compared} differ")
    for difference in found.worst:
        say(_line(difference))
    for error in measured.errors[:_SHOWN_ERRORS]:
        notice(f"{error.count} failed: {error.status}: {error.text}")


def _line(difference: Difference) -> str:
    head = f"  request {difference.record} ({difference.at_s:.3f} s): {difference.why}"
    if not difference.differing:
        return head
    place = "".join(f"[{index}]" for index in difference.index)
    return (
        f"{head}, most {difference.tensor}{place}: {difference.actual} instead of "
        f"{difference.expected}"
    )
