"""Entry point of the console script ``grpst``."""

from __future__ import annotations

import click

from grps.cli.group import VerbGroup


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from grps.cli.verbs.version import version_line

        click.echo(version_line())
        ctx.exit()


@click.command(
    cls=VerbGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda token: token.replace("-", "_"),
        "max_content_width": 100,
    },
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and how it was built, and exit.",
)
def main() -> None:
    """Put any model online in one command and keep it fast.

    \b
    Serve a model, try it, look at it, stop it:
      grpst serve model.pt
      curl -d '{"ndarray": [[1.0, 2.0]]}' -H 'Content-Type: application/json' \\
        'http://127.0.0.1:7080/grps/v1/infer/predict?return-ndarray=true'
      grpst call model '[[1.0, 2.0]]'
      grpst ps
      grpst logs my_grps
      grpst model reload model
      grpst restart my_grps
      grpst stop my_grps
      grpst rm my_grps

    \b
    Or write the code yourself, in one file or in a project:
      grpst example app
      grpst dev app/app.py
      grpst create my_project
      grpst dev my_project
      grpst archive my_project
      grpst start server.mar

    Every verb explains itself: grpst VERB --help. Flags may be written with underscores or with
    dashes. Services live under ~/.grps (or $GRPS_HOME).
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped


if __name__ == "__main__":
    main()
