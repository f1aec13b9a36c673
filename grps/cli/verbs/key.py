"""``grpst key``."""

from __future__ import annotations

import hashlib
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

import click

from grps.config.document import plain_value, read_text
from grps.config.edit import Value, with_list_entry
from grps.config.loader import parse_keys
from grps.config.sections.base import NAME_PATTERN
from grps.server.configuration import parse_server
from grps.server.files import current_umask, write_atomically

PREFIX = "grps_"
"""Begins every key, so that scanners of source code recognise one that leaked."""
SECRET_BYTES = 32
LIST = "keys"
SERVER = "server.yml"
SCOPES = ("infer", "read", "admin")
LIMITS = (
    "max_requests_per_second",
    "max_requests_per_minute",
    "max_tokens_per_minute",
    "max_concurrency",
)
PER_MINUTE = click.IntRange(min=1, max=1_000_000_000)


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
@click.option("--max_requests_per_minute", type=PER_MINUTE, help="Limit of requests in a minute.")
@click.option(
    "--max_tokens_per_minute",
    type=PER_MINUTE,
    help="Limit of the tokens of language models in a minute.",
)
@click.option("--max_concurrency", type=click.IntRange(min=1), help="Limit of requests at once.")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Add the entry to this file: server.yml, or a file of keys, made if it is missing.",
)
def command(
    name: str,
    scopes: tuple[str, ...],
    file: Path | None,
    **limits: float | None,
) -> None:
    """Make an API key, and its entry for the configuration.

    The key is shown once. Its entry has only the SHA-256 of the key. With --file, the entry goes
    into the file and the key to standard output. Without, the entry goes to standard output and the
    key to standard error: put the entry below auth.keys in server.yml, or below keys in the file
    that auth.keys_file names, which a running service reads again.

    \b
    Examples:
      grpst key team-a --file conf/keys.yml > team-a.txt
      grpst key team-b
      grpst key ci --file conf/keys.yml --scope infer --max_requests_per_second 50
      grpst key operator --file conf/server.yml -s infer -s read -s admin
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    key = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    entry: dict[str, Value] = {
        "name": name,
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "scopes": tuple(dict.fromkeys(scopes)),
    }
    for limit in LIMITS:
        value = limits[limit]
        if value is not None:
            entry[limit] = value
    if file is not None:
        add_key(file, entry)
        click.echo(f"added key {name} to {file}", err=True)
        click.echo(key)
        return
    click.echo(f"The key of {name}, which can't be shown again: {key}", err=True)
    click.echo(with_list_entry("", "", (LIST,), entry).removeprefix(f"{LIST}:\n").rstrip("\n"))


def add_key(file: Path, entry: Mapping[str, Value]) -> None:
    """Add an entry to the keys of a file; its comments stay.

    Raises:
        ConfigError: The file can't be read, is no such file, or has a key of this name.
    """
    file = file.resolve()
    exists = file.exists()
    text = read_text(file) if exists else ""
    top = plain_value(text, str(file), numbers_stay_text=True) or {}
    is_server = file.name == SERVER or (isinstance(top, dict) and bool(set(top) - {LIST}))
    path = ("auth", LIST) if is_server else (LIST,)
    edited = with_list_entry(text, str(file), path, entry)
    if is_server:
        parse_server(edited, str(file))
    else:
        parse_keys(edited, str(file))
    mode = stat.S_IMODE(file.stat().st_mode) if exists else 0o666 & ~current_umask()
    write_atomically(file, edited.encode(), mode)
