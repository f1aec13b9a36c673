"""What ``grpst`` says when it is called without a verb."""

from __future__ import annotations

import click

from grps.cli.output.lines import say

TITLE = "GRPS puts any model online in one command and keeps it fast."
PARTS = (
    (
        "Serve a model file:",
        (("grpst serve model.onnx", "also .pt, .xml, .gguf, a SavedModel, or a URI"),),
    ),
    (
        "Write your own code:",
        (
            ("grpst example app", "a service in one function; grpst example lists others"),
            ("grpst serve app/app.py", "put it online; grpst dev app/app.py follows your edits"),
        ),
    ),
    (
        "Look at running services:",
        (
            ("grpst ps", "which run, and where; each has a page to look at and to try"),
            ("grpst top", "rates, latencies and queues"),
        ),
    ),
)
"""The three things to do next: for each, commands and what they are for."""
END = "All verbs: grpst --help"
_WIDTH = 26


def say_welcome() -> None:
    """Print the three things to do next; in color on a terminal."""
    say(click.style(TITLE, bold=True))
    for title, commands in PARTS:
        say("")
        say(click.style(title, fg="cyan", bold=True))
        for command, purpose in commands:
            shown = click.style(f"{command:<{_WIDTH}}", fg="green")
            say(f"  {shown}{click.style(purpose, dim=True)}")
    say("")
    say(END)
