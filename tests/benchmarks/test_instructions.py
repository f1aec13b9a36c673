"""How many instructions the codec needs per element: a guard that a slow machine can't trip.

A limit is a little over what is needed today. Raise one only with a reason.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELEMENTS = 10_000
FEW, MANY = 2, 12

# The first of them builds the codec and what it depends on for release.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def program() -> Path:
    """The codec's work, built in the release profile."""
    command = ["cargo", "build", "--quiet", "--release", "-p", "grps-server"]
    subprocess.run([*command, "--example", "codec_work"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "examples" / "codec_work"


def instructions(program: Path, work: str, times: int) -> int:
    """Count all instructions of one run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*command, str(program), work, str(times)], check=True, capture_output=True, text=True
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


@pytest.mark.parametrize(
    ("work", "limit"),
    [
        ("read-short-json", 100),
        ("read-long-json", 330),
        # 350 with link-time optimisation, which CI leaves out.
        ("write-json", 370),
        ("read-protobuf", 5),
        ("write-protobuf", 5),
    ],
)
def test_an_element_takes_few_instructions(program: Path, work: str, limit: float) -> None:
    spent = instructions(program, work, MANY) - instructions(program, work, FEW)
    each = spent / (MANY - FEW) / ELEMENTS
    assert 0 < each <= limit


def test_other_work_is_refused(program: Path) -> None:
    assert subprocess.run([str(program), "read-xml", "1"], check=False).returncode == 2
