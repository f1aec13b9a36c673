"""A verb is one file and one line in the table of verbs."""

from __future__ import annotations

import re

import pytest

from tests.additions.package import Package, copy_of

FILE = "grps/cli/verbs/toyverb.py"
TABLE = "grps/cli/table.py"
CODE = '''\
    """``grpst toyverb``."""

    from __future__ import annotations

    import click

    from grps.cli.output.lines import say


    @click.command("toyverb")
    @click.argument("word")
    def command(word: str) -> None:
        """Print a word twice."""
        say(f"{word} {word}")
    '''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    made = copy_of(tmp_path_factory.mktemp("verb"))
    made.write(FILE, CODE)
    made.add_line(TABLE, after='"completion":', line='"toyverb": "Print a word twice.",')
    return made


def test_what_is_added(package: Package) -> None:
    assert package.added() == [FILE]
    assert package.changed() == {TABLE: 1}


def test_it_runs(package: Package) -> None:
    assert package.grpst("toyverb", "grps") == "grps grps\n"
    assert package.grpst("toyverb", "--help").startswith("Usage: grpst toyverb [OPTIONS] WORD")


def test_help_and_suggestions_know_it(package: Package) -> None:
    assert re.search(r"^  toyverb +Print a word twice\.$", package.grpst("--help"), re.MULTILINE)
    assert "did you mean 'toyverb'?" in package.grpst("toyverbs", "x", code=2)
