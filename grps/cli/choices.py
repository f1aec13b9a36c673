"""One of several words."""

from __future__ import annotations

import click


class Words(click.Choice[str]):
    """Words that an option takes; an error names them as they are written, with their dashes.

    The command takes underscores for dashes, and click's own error shows the words after that.
    """

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Return what is wrong with a value, and the words that are right."""
        return f"{value!r} is not one of {', '.join(map(repr, self.choices))}."
