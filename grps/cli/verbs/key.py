"""``grpst key``."""

from __future__ import annotations

import hashlib
import re
import secrets

import click

from grps.config.schema import NAME_PATTERN

PREFIX = "grps_"
"""Begins every key, so that scanners of source code recognise one that leaked."""
SECRET_BYTES = 32
SCOPES = ("infer", "read", "admin")


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if re.match(NAME_PATTERN, value) is None:
        raise click.BadParameter("use 1 to 128 letters, digits, '.', '_' or '-'")
    return value


@click.command("key")
@click.argument("name", callback=_name)
@click.option(
    "-s",
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("infer", "read"),
    show_default=True,
    help="What the key permits; give it several times for several scopes.",
)
@click.option(
    "--max_requests_per_second", type=click.FloatRange(min=0.001), help="Limit of its rate."
)
@click.option("--max_concurrency", type=click.IntRange(min=1), help="Limit of requests at once.")
def command(
    name: str,
    scopes: tuple[str, ...],
    max_requests_per_second: float | None,
    max_concurrency: int | None,
) -> None:
    """Make an API key, and its entry for the configuration.

    The key goes to standard error and is shown once. The entry goes to standard output and has only
    the SHA-256 of the key. Put it below auth.keys in server.yml, or below keys in the file that
    auth.keys_file names, which a running service reads again.

    \b
    Examples:
      grpst key team-a
      grpst key team-b >> conf/keys.yml   # below its line "keys:"
      grpst key ci --scope infer --max_requests_per_second 50
      grpst key operator -s infer -s read -s admin
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    key = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    limits = {
        "max_requests_per_second": max_requests_per_second,
        "max_concurrency": max_concurrency,
    }
    click.echo(f"The key of {name}, which can't be shown again: {key}", err=True)
    click.echo(f"- name: {name}")
    click.echo(f"  sha256: {hashlib.sha256(key.encode()).hexdigest()}")
    click.echo(f"  scopes: [{', '.join(dict.fromkeys(scopes))}]")
    for limit, value in limits.items():
        if value is not None:
            click.echo(f"  {limit}: {value:.12g}")
