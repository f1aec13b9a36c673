"""``grpst completion``."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
INSTALL = {
    "bash": 'add to ~/.bashrc: eval "$(grpst completion bash)"',
    "zsh": 'add to ~/.zshrc, after compinit: eval "$(grpst completion zsh)"',
    "fish": "run: grpst completion fish > ~/.config/fish/completions/grpst.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def command(shell: str | None) -> None:
    """Print the completion script for bash, zsh or fish (default: your $SHELL).

    It completes verbs, flags and the names of services.

    \b
    Install it for good:
      echo 'eval "$(grpst completion bash)"' >> ~/.bashrc
      echo 'eval "$(grpst completion zsh)"' >> ~/.zshrc
      grpst completion fish > ~/.config/fish/completions/grpst.fish
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    chosen = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(chosen) if chosen in SHELLS else None
    if kind is None:
        raise click.UsageError(f"which shell? give one of: {', '.join(SHELLS)}")
    root = click.get_current_context().find_root().command
    click.echo(f"# {INSTALL[chosen]}")
    click.echo(kind(root, {}, "grpst", "_GRPST_COMPLETE").source())
