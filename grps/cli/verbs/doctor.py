"""``grpst doctor``."""

from __future__ import annotations

import time
from dataclasses import asdict

import click
import msgspec

from grps.cli.output.lines import say
from grps.cli.output.progress import ProgressLine
from grps.cli.verbs.version import grps_version
from grps.deploy.doctor import Finding, Verdict, examine

MARKS: dict[Verdict, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "absent": ("-", "yellow"),
    "problem": ("!!", "red"),
}
"""What stands before a finding, and its colour."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(as_json: bool) -> None:
    """Check what this machine has: processors, GPUs, engines, limits.

    Each engine that is installed is loaded in a process of its own and says which devices it can
    use. The exit code is 1 when something is wrong; what is merely not installed is not.

    \b
    Examples:
      grpst doctor
      grpst doctor --json | python -m json.tool
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    began = time.monotonic()
    with ProgressLine("looking at this machine") as line:
        findings = list(examine(lambda detail: line.show("", detail, time.monotonic() - began)))
    if as_json:
        report = {"version": grps_version(), "findings": [asdict(one) for one in findings]}
        say(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print(findings)
    problems = sum(one.verdict == "problem" for one in findings)
    if problems:
        what = "1 problem" if problems == 1 else f"{problems} problems"
        raise click.ClickException(f"{what} found; what to do stands below each")


def _print(findings: list[Finding]) -> None:
    say(f"grpst {grps_version()}")
    width = max(len(one.name) for one in findings)
    section = ""
    for one in findings:
        if one.section != section:
            section = one.section
            say(f"\n{click.style(section, bold=True)}")
        mark, color = MARKS[one.verdict]
        say(f"  {click.style(mark.rjust(2), fg=color)}  {one.name.ljust(width)}  {one.text}")
        if one.advice and one.verdict != "ok":
            say(f"      {' ' * width}  {one.advice}")
