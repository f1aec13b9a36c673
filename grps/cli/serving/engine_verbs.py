"""The verbs that serve models with one engine each, made of the engines' declarations."""

from __future__ import annotations

from typing import Any

import click

from grps.backends.engine import Engine
from grps.cli.serving.flags import serve_flags
from grps.cli.serving.model_argument import GivenModel
from grps.cli.serving.model_service import serve_model

_HELP = """{title}

MODEL is {model} The service runs in the background; its folder is ~/.grps/NAME, the {noun} stays
where it is. Then its log is followed until Ctrl-C, which leaves the service running.

\b
Examples:
{examples}
"""


def serve_command(engine: Engine) -> click.Command:
    """Return the command of the verb that serves models with ``engine``."""
    verb = engine.verb
    examples = "\n".join(f"  grpst {verb.name} {line}" for line in verb.examples)
    text = _HELP.format(title=verb.title, model=verb.model, noun=verb.noun, examples=examples)

    @click.command(verb.name, help=text)
    @serve_flags(engine.name)
    def command(model: GivenModel, **flags: Any) -> None:
        serve_model(engine.name, model, flags)

    return command
