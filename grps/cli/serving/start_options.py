"""Options of every verb that starts a service."""

from __future__ import annotations

import click

from grps.deploy.native import MODES

TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=300,
    show_default=True,
    help="Seconds the service may take to become ready.",
)
NO_LOGGING = click.option(
    "--no_logging", is_flag=True, help="Don't follow the log after the start."
)
FOREGROUND = click.option(
    "--foreground",
    "-f",
    is_flag=True,
    envvar="GRPS_FOREGROUND",
    help="Run the server in this terminal; Ctrl-C stops it. Also by GRPS_FOREGROUND=1.",
)
NATIVE = click.option(
    "--native",
    type=click.Choice(MODES),
    help="Serve without Python: auto if nothing in the configuration needs it.  "
    "[default: auto, or that of the last start]",
)
