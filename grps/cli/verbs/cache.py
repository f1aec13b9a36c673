"""``grpst cache``."""

from __future__ import annotations

import time

import click

from grps.cli.output.byte_progress import size_text
from grps.cli.output.lines import duration, notice, say
from grps.cli.output.table import print_table
from grps.sources import Cache, Settings

HEAD = ("MODEL", "SIZE", "USED_BEFORE", "STATUS", "SOURCE")
COLORS = {"in_use": "green"}
GIB = 1024**3


@click.group("cache")
def command() -> None:
    """List and remove models that were fetched from URIs.

    The cache is in ~/.cache/grps/models, or $GRPS_CACHE. It keeps at most sources.max_cache_bytes
    of server.yml, or $GRPS_CACHE_MAX_BYTES: models that were used longest ago are removed first.
    Models that a running service uses always stay.

    \b
    Examples:
      grpst cache list
      grpst cache prune --keep_gib 20
      grpst cache prune --all
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped


@command.command("list")
def list_models() -> None:
    """List the models in the cache, that which was used last first."""
    models = Cache(Settings.of().cache).models()
    rows: list[tuple[str, ...]] = [HEAD]
    for model in models:
        age = duration(time.time() - model.used_at)
        status = "in_use" if model.in_use else "-"
        rows.append((str(model.path), size_text(model.size), age, status, model.uri))
    print_table(rows, colored=3, colors=COLORS)
    word = "model" if len(models) == 1 else "models"
    say(f"{len(models)} {word}, {size_text(sum(model.size for model in models))}")


@command.command("prune")
@click.option("--all", "everything", is_flag=True, help="Remove all models that no service uses.")
@click.option(
    "--keep_gib",
    type=click.FloatRange(min=0),
    help="Remove those used longest ago until no more than this is left.",
)
def prune(everything: bool, keep_gib: float | None) -> None:
    """Remove models that no running service uses."""
    if everything == (keep_gib is not None):
        raise click.UsageError("give either --all or --keep_gib")
    most = 0 if keep_gib is None else int(keep_gib * GIB)
    removed = Cache(Settings.of().cache).evict(
        most, lambda: notice("another process fetches a model: nothing is removed until it ends")
    )
    for model in removed:
        say(f"removed {model.path} ({size_text(model.size)})")
    say(f"{size_text(sum(model.size for model in removed))} removed")
