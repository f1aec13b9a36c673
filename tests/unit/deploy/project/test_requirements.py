"""Reading of requirements and the check against what is installed."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from grps.deploy.project.requirements import read_requirements
from grps.errors import DeployError
from tests.unit.deploy.archive.archives import write_tree

NUMPY = metadata.version("numpy")


def missing(project: Path, text: str) -> list[str]:
    return read_requirements(write_tree(project, {"requirements.txt": text})).missing()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n\n   # at all\n",
        "numpy  # any\n",
        f"numpy=={NUMPY}\n",
        "Num_Py>=1,\\\n  <99\n".replace("Num_Py", "NumPy"),
        "no-such-package; python_version < '3'\n",
        "--extra-index-url https://example.com\n-f wheels\n--no-index\nnumpy\n",
        f"numpy=={NUMPY} --hash=sha256:{'0' * 64}\n",
        "numpy @ https://example.com/numpy.whl\n",
        "httpx[http2]\n",
    ],
)
def test_met(tmp_path: Path, text: str) -> None:
    assert missing(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("no-such-package>=1 # really\n", "no-such-package>=1 is not installed"),
        ("numpy>=99\n", f"numpy>=99 is needed, {NUMPY} is installed"),
        ("no-such-package; python_version > '3'\n", "is not installed"),
    ],
)
def test_not_met(tmp_path: Path, text: str, fault: str) -> None:
    assert [fault in found for found in missing(tmp_path, text)] == [True]


def test_no_file_needs_nothing(tmp_path: Path) -> None:
    assert read_requirements(tmp_path).missing() == []


def test_includes(tmp_path: Path) -> None:
    write_tree(tmp_path, {"more/base.txt": "-r ../requirements.txt\nno-such-a\n", "x.txt": ""})
    found = missing(tmp_path, "-r more/base.txt\n--requirement=x.txt\nno-such-b\n")
    assert found == ["no-such-b is not installed", "no-such-a is not installed"]
    places = [line.place for line in read_requirements(tmp_path).lines]
    assert places == ["requirements.txt:3", "more/base.txt:2"]


def test_digest_covers_includes(tmp_path: Path) -> None:
    write_tree(tmp_path, {"requirements.txt": "-r x.txt\n", "x.txt": "a\n"})
    first = read_requirements(tmp_path).digest
    assert read_requirements(tmp_path).digest == first
    write_tree(tmp_path, {"x.txt": "b\n"})
    assert read_requirements(tmp_path).digest != first


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a\n-e .\n", r"requirements\.txt:2: the option -e is not supported"),
        ("--editable=.\n", "the option --editable is not supported"),
        ("-c limits.txt\n", "the option -c is not supported"),
        ("./a.whl\n", r"'\./a\.whl' is not a requirement"),
        ("a b\n", "'a b' is not a requirement"),
        ("-r none.txt\n", "requirements.txt:1: there is no file none.txt"),
        ("-r ../out.txt\n", r"\.\./out\.txt is outside of the project"),
    ],
)
def test_refused(tmp_path: Path, text: str, cause: str) -> None:
    (tmp_path / "out.txt").touch()
    with pytest.raises(DeployError, match=cause):
        missing(tmp_path / "project", text)
