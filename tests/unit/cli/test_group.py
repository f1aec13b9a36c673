"""The command group: help, unknown verbs, errors, exit codes, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from grps.cli import group
from grps.cli.group import ELSEWHERE, all_verbs
from grps.cli.main import main
from grps.cli.output import lines
from tests.support import REPOSITORY

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_verb(grpst: Grpst) -> None:
    result = grpst("--help")
    assert result.exit_code == 0
    for verb in all_verbs():
        assert f"\n  {verb} " in result.output


def test_without_a_verb_the_next_steps_are_shown(grpst: Grpst) -> None:
    result = grpst()
    assert result.exit_code == 0
    assert result.stderr == ""
    titles = ["Serve a model file:", "Write your own code:", "Look at running services:"]
    assert [line for line in result.stdout.splitlines() if line.endswith(":")] == titles
    shown = [line.split()[:3] for line in result.stdout.splitlines() if line.startswith("  ")]
    assert {verb for _, verb, _ in shown} <= {*all_verbs()}
    assert "grpst --help" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\x1b[" in CliRunner().invoke(main, [], color=True).stdout


def test_without_a_command_the_help_of_a_group_is_shown(grpst: Grpst) -> None:
    result = grpst("model")
    assert result.exit_code == 0
    assert result.stdout == grpst("model", "--help").stdout
    assert result.stderr == ""


@pytest.mark.parametrize("verb", all_verbs())
def test_every_verb_has_help(grpst: Grpst, verb: str) -> None:
    result = grpst(verb, "-h")
    assert result.exit_code == 0
    assert "\n    grpst " in result.output or "\n    echo " in result.output


def test_help_imports_no_verb() -> None:
    code = (
        "import sys\n"
        "from grps.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "names = ('yaml', 'psutil', 'msgspec', 'rich', 'numpy', 'grps.cli.verbs.serve')\n"
        "print([name for name in names if name in sys.modules], file=sys.stderr)\n"
    )
    assert run_python(code).stderr == "[]\n"


def test_unknown_verb_has_suggestion(grpst: Grpst) -> None:
    result = grpst("onx-serve")
    assert result.exit_code == 2
    assert "no verb is called 'onx-serve' (did you mean 'onnx_serve'?)" in result.stderr


def test_words_of_other_programs_have_a_suggestion(grpst: Grpst) -> None:
    for word, verb in ELSEWHERE.items():
        assert verb in all_verbs()
        assert word not in all_verbs()
        assert f"(did you mean {verb!r}?)" in grpst(word).stderr


def test_usage_error_is_one_line_and_a_hint(grpst: Grpst) -> None:
    result = grpst("logs", "x", "--lines", "many")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: Invalid value for '-n' / '--lines'")
    assert result.stderr.endswith("logs --help\nsee: docs/reference/cli.md#logs\n")


def test_errors_name_the_page_about_them(grpst: Grpst, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "reference/errors{}a-service-does-not-start-or-stop"
    assert grpst("stop", "nobody").stderr.endswith(f"\nsee: docs/{page.format('.md#')}\n")
    monkeypatch.setenv("GRPS_DOCS_URL", "https://docs.example.com/")
    expected = f"\nsee: https://docs.example.com/{page.format('/#')}\n"
    assert grpst("stop", "nobody").stderr.endswith(expected)
    assert grpst("torch_serve").stderr.endswith("/reference/cli/#serve\n")


def test_names_are_checked(grpst: Grpst) -> None:
    result = grpst("stop", "../x")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: '../x' can't be a service name")


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (PermissionError(13, "Permission denied", "/x"), "error: /x: Permission denied\n"),
        (ZeroDivisionError("1/0"), "error: unexpected ZeroDivisionError: 1/0; see more with"),
        (KeyboardInterrupt(), "interrupted\n"),
    ],
)
def test_exceptions_become_one_line(
    grpst: Grpst, monkeypatch: pytest.MonkeyPatch, raised: BaseException, text: str
) -> None:
    def command() -> None:
        raise raised

    monkeypatch.setattr(
        "grps.cli.verbs.version.command", click.Command("version", callback=command)
    )
    result = grpst("version")
    assert result.stderr.lstrip().startswith(text)
    assert "Traceback" not in result.stderr
    assert result.exit_code == (group.INTERRUPTED if text == "interrupted\n" else 1)


def test_a_missing_home_is_wrong_usage(grpst: Grpst, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setenv("GRPS_HOME", "~no_such_user/x")
        for words in (["ps"], ["stop", "x"], ["logs", "x"], ["model", "ls"]):
            result = grpst(*words)
            assert result.exit_code == 2
            assert result.stderr.startswith("error: the folder of services is not known: GRPS_H")


def test_debug_shows_the_traceback(grps_home: Path) -> None:
    code = "from grps.cli.main import main; main(['stop', 'nobody'])"
    assert "Traceback" not in run_python(code).stderr
    assert "Traceback" in run_python(code, GRPS_DEBUG="1").stderr


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert lines.color() is False
    monkeypatch.setenv("NO_COLOR", "")
    assert lines.color() is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3605, "1h"),
        (3661, "1h 1m"),
        (90_000, "1d 1h"),
        (-1, "0s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert lines.duration(seconds) == text


def test_version(grpst: Grpst) -> None:
    assert grpst("--version").output.startswith("grpst ")
    assert "\npython 3." in grpst("version").output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(grpst: Grpst, shell: str) -> None:
    result = grpst("completion", shell)
    assert result.exit_code == 0
    assert "_GRPST_COMPLETE" in result.output


def test_completion_of_an_unknown_shell(grpst: Grpst, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    result = grpst("completion")
    assert result.exit_code == 2
    assert "which shell?" in result.stderr


def complete(words: str, incomplete: str) -> list[str]:
    completion = click.shell_completion.ShellComplete(main, {}, "grpst", "_GRPST_COMPLETE")
    return [item.value for item in completion.get_completions(words.split(), incomplete)]


def test_completion_of_verbs_and_flags(grps_home: Path) -> None:
    serving = ["serve", "sklearn_serve", "serve_repository"]
    assert complete("", "s") == ["sdk", "start", *serving, "stop"]
    assert complete("", "r") == ["replay", "restart", "rm"]
    assert complete("create p --project_type", "cpp_o") == ["cpp_onnx", "cpp_openvino"]
    assert complete("archive", "--cm") == complete("dev", "--cm") == ["--cmake_define"]
    assert complete("torch_serve", "--max_b") == ["--max_batch_size"]


def test_completion_of_services(grps_home: Path) -> None:
    (grps_home / "demo").mkdir(parents=True)
    assert complete("logs", "d") == ["demo"]
    assert complete("stop", "d") == []
    assert complete("restart", "d") == complete("rm", "d") == complete("rm x", "d") == ["demo"]


@pytest.mark.parametrize("verb", ["call", "perf", "tune"])
def test_the_names_of_protocols_are_those_that_are_taken(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "x", "--protocol", "http2"])
    assert result.exit_code == 2
    assert "'oip-http', 'oip-grpc', 'brpc'" in result.output
