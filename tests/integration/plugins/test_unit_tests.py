"""Unit tests of plugins without a service, and what a test that fails prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import REPOSITORY

SDK = REPOSITORY / "sdk" / "cpp"
FLAGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-O0", f"-I{SDK / 'include'}")

FAILING = """#include <grps/testing/checks.hpp>
GRPS_TEST(Sound) {}
GRPS_TEST(Wrong) { GRPS_CHECK(1 == 2); }
GRPS_TEST(Throwing) { throw std::runtime_error("oops"); }
GRPS_TEST_MAIN()
"""


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
@pytest.mark.parametrize(
    "names", [("testing_test.cpp", "plugin.cpp"), ("steps_test.cpp", "steps.cpp")]
)
def test_the_inferers_of_a_plugin_run_in_a_program(
    tmp_path: Path, names: tuple[str, str], sanitizers: str
) -> None:
    sources = [SDK / "tests" / name for name in names]
    program = tmp_path / "unit_test"
    checks = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    subprocess.run(["g++", *FLAGS, *checks, "-o", program, *sources], check=True)
    ran = subprocess.run([program], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith(" tests, 0 failed\n")


def test_what_fails_is_named(tmp_path: Path) -> None:
    source = tmp_path / "t.cpp"
    source.write_text("#include <stdexcept>\n" + FAILING)
    program = tmp_path / "t"
    subprocess.run(["g++", *FLAGS, "-o", program, source], check=True)
    ran = subprocess.run([program], check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stdout == "ok     Sound\nFAILED Wrong\nFAILED Throwing\n3 tests, 2 failed\n"
    assert ran.stderr == f"{source}:4: error: 1 == 2\nThrowing:0: error: an exception: oops\n"
