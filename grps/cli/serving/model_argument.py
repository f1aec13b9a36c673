"""The argument MODEL: a path, or a URI whose model is fetched into the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from grps.backends.formats import model_in
from grps.cli.output.byte_progress import ByteProgress
from grps.cli.output.lines import notice
from grps.sources import Fetched, Settings, Sources, is_uri

_PATH: click.Path = click.Path(exists=True, readable=True, path_type=Path)


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A model as it was given on the command line."""

    path: Path
    """Where it is on this machine; the one model file in a directory."""
    uri: str | None = None
    """Where it comes from, if it was fetched."""
    fetched: Fetched | None = None
    """Keeps it in the cache while the command runs."""

    def __str__(self) -> str:
        return self.uri or str(self.path)


class ModelArgument(click.ParamType[GivenModel]):
    """Reads the argument; a model at a URI is fetched."""

    name = "model"

    def __init__(self, *, takes_projects: bool = False) -> None:
        """Read a model.

        Args:
            takes_projects: Leave a directory as it is: it may be that of a project, which has a
                model file too.
        """
        self._takes_projects = takes_projects

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> GivenModel:
        """Return the model; it is on this machine then."""
        if isinstance(value, GivenModel):
            return value
        if not is_uri(value):
            path = Path(str(_PATH.convert(value, param, ctx)))
            return GivenModel(path if self._takes_projects else model_in(path))
        with ByteProgress() as progress:
            sources = Sources(Settings.of(), on_bytes=progress.show, on_line=notice)
            fetched = sources.fetch(value)
        if fetched.fetched_bytes == 0:
            notice(f"{value} is in the cache")
        return GivenModel(model_in(fetched.path), value, fetched)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete the names of files."""
        return _PATH.shell_complete(ctx, param, incomplete)
