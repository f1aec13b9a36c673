"""The command group: verbs are imported when used, errors become one line."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from grps.cli.output.lines import complain, notice, say
from grps.cli.table import ENGINE_VERBS_FOLLOW, VERBS
from grps.errors import GrpsError, HomeError, docs_place

PACKAGES = (
    "grps.cli.verbs",
    "grps.cli.verbs.lifecycle",
    "grps.cli.verbs.measuring",
    "grps.cli.verbs.projects",
)
"""Where the modules of verbs are."""
WRONG_USAGE, INTERRUPTED = 2, 130
ELSEWHERE = {
    **dict.fromkeys(("ls", "list", "status"), "ps"),
    **dict.fromkeys(("run", "deploy", "up"), "serve"),
    **dict.fromkeys(("infer", "predict"), "call"),
    **dict.fromkeys(("new", "init"), "create"),
    **dict.fromkeys(("kill", "down"), "stop"),
    **dict.fromkeys(("delete", "remove"), "rm"),
    **dict.fromkeys(("bench", "benchmark"), "perf"),
}
"""What other programs call such verbs."""
HELP_WITHOUT_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click 8.2 raises for a group without a verb; click 8.1 prints the help by itself."""


class VerbGroup(click.Group):
    """The ``grpst`` command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order help shows them."""
        return list(all_verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb and return its command."""
        verb = cmd_name.replace("-", "_")
        if verb not in VERBS:
            return _engine_command(verb)
        found = (f"{package}.{verb}" for package in PACKAGES)
        name = next(name for name in found if importlib.util.find_spec(name) is not None)
        command = importlib.import_module(name).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one was probably meant."""
        verb = args[0].replace("-", "_")
        plain = not ctx.resilient_parsing and not args[0].startswith("-")
        if verb not in VERBS and plain and verb not in (known := all_verbs()):
            from grps.config.suggest import hint

            meant = hint(ELSEWHERE.get(verb, verb), known)
            raise click.UsageError(f"no verb is called {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say what to do next where no word is given."""
        if not args and not ctx.resilient_parsing:
            from grps.cli.output.welcome import say_welcome

            say_welcome()
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(all_verbs().items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete verbs without importing them."""
        found = [verb for verb in all_verbs().items() if verb[0].startswith(incomplete)]
        verbs = [CompletionItem(name, help=summary) for name, summary in found]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
        extra["standalone_mode"] = False
        sys.exit(_guarded(lambda: super(VerbGroup, self).main(args, prog_name or "grpst", **extra)))


def all_verbs() -> dict[str, str]:
    """Return all verbs, those of the engines among them, with their one-line help."""
    from grps.backends.table import ENGINES

    verbs = {}
    for name, summary in VERBS.items():
        verbs[name] = summary
        if name == ENGINE_VERBS_FOLLOW:
            verbs |= {one.verb.name: one.verb.summary for one in ENGINES.values()}
    return verbs


def _engine_command(name: str) -> click.Command | None:
    from grps.backends.table import ENGINES

    for engine in ENGINES.values():
        if engine.verb.name == name:
            from grps.cli.serving.engine_verbs import serve_command

            return serve_command(engine)
    return None


def _guarded(run: Any) -> int:
    """Run a command line; turn what it raises into a message and an exit code."""
    try:
        code = run()
    except click.UsageError as error:
        return _answer_usage(error)
    except click.ClickException as error:
        docs, advice = getattr(error, "docs", GrpsError.docs), getattr(error, "advice", "")
        _complain(error.format_message(), docs, advice)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        notice("interrupted")
        return INTERRUPTED
    except (GrpsError, OSError) as error:
        _reraise_if_debugging()
        _complain(_text(error), error.docs if isinstance(error, GrpsError) else GrpsError.docs)
        return WRONG_USAGE if isinstance(error, HomeError) else 1
    except Exception as error:
        _reraise_if_debugging()
        text = f"unexpected {type(error).__name__}: {error}; see more with GRPS_DEBUG=1"
        _complain(text, GrpsError.docs)
        return 1
    return code if isinstance(code, int) else 0


def _complain(text: str, docs: str, advice: str = "") -> None:
    """Print an error, a command that works if one is known, and the page about it."""
    complain(text)
    if advice:
        notice(f"try: {advice}")
    notice(f"see: {docs_place(docs)}")


def docs_of_verb(verb: str | None) -> str:
    """Return the part of the reference that describes a verb."""
    if verb is None:
        return "reference/cli.md"
    return f"reference/cli.md#{verb if verb in VERBS else ENGINE_VERBS_FOLLOW}"


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _reraise_if_debugging() -> None:
    if os.environ.get("GRPS_DEBUG") == "1":
        raise  # noqa: PLE0704 - called while an exception is being handled


def _answer_usage(error: click.UsageError) -> int:
    if isinstance(error, HELP_WITHOUT_ARGUMENTS):
        say(error.format_message())
        return 0
    complain(error.format_message())
    verb = None
    if error.ctx is not None:
        path = error.ctx.command_path
        notice(f"try: {path} --help")
        _, _, below = path.partition(" ")
        verb = below.partition(" ")[0].replace("-", "_") or None
    notice(f"see: {docs_place(docs_of_verb(verb))}")
    return error.exit_code
