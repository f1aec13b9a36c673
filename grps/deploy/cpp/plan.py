"""How a project in C++ is built and tested: by CMake, or by the project's own ``build.sh``."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from grps.deploy.cpp.sdk import sdk_folder
from grps.deploy.cpp.sources import BUILD_FOLDER
from grps.deploy.cpp.steps import Step
from grps.deploy.cpp.upstream import prepare_upstream
from grps.machine import usable_cpus
from grps.server.loading.upstream_cpp import is_upstream_cpp

BUILD_TYPE = "RelWithDebInfo"
SCRIPT = "build.sh"
TEST_PROGRAM = Path(BUILD_FOLDER, f"{BUILD_TYPE}_install", "bin", "unit_test")
"""Where projects with a ``build.sh`` put their unit test."""
LIBRARIES = "lib"
"""Where such projects keep the libraries that they bring."""
SKIP_ADVICE = "nothing is packed (--skip_unittest packs all the same)"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """The programs that build and test a project, which run in its folder or a copy of it."""

    build: tuple[Step, ...]
    test: Step


@dataclass(frozen=True, slots=True)
class BuildChoices:
    """What the user chose."""

    defines: tuple[str, ...] = ()
    """Variables of CMake, each ``NAME=VALUE``."""
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of the environment."""


def prepare(folder: Path, choices: BuildChoices) -> BuildPlan:
    """Make a folder ready for its build, and return how it is built.

    This is where the parts of a staging copy that a build needs otherwise are replaced; the sources
    that are packed are read from the project.

    Args:
        folder: The copy that is built, or the project itself for ``grpst dev``.
        choices: What the user chose.
    """
    variables = {**_variables(folder), **choices.variables}
    if (folder / SCRIPT).is_file() and is_upstream_cpp(folder):
        return BuildPlan(*prepare_upstream(folder, variables))
    if (folder / SCRIPT).is_file():
        return _by_script(variables)
    has_other_tests = (folder / "test.py").is_file()
    return _by_cmake(variables, choices.defines, has_other_tests=has_other_tests)


def _by_cmake(
    variables: dict[str, str], defines: tuple[str, ...], *, has_other_tests: bool
) -> BuildPlan:
    given = {
        "CMAKE_BUILD_TYPE": BUILD_TYPE,
        "GRPS_SDK": str(sdk_folder()),
        "GRPS_PYTHON": sys.executable,
        # Libraries are found beside the plugin, and no path of this folder gets into it.
        "CMAKE_BUILD_RPATH": "$ORIGIN",
        "CMAKE_BUILD_RPATH_USE_ORIGIN": "ON",
    }
    options = [f"-D{name}={value}" for name, value in given.items()]
    options += [f"-D{define}" for define in defines]
    # The variables that a project does not use are no fault of it.
    configure = ("cmake", "-S", ".", "-B", BUILD_FOLDER, "--no-warn-unused-cli", *options)
    jobs = str(usable_cpus())
    build = ("cmake", "--build", BUILD_FOLDER, "--parallel", jobs)
    test = ["ctest", "--test-dir", BUILD_FOLDER, "--output-on-failure"]
    if not has_other_tests:
        test.append("--no-tests=error")
    return BuildPlan(
        (Step("configuring", configure, variables), Step("building", build, variables)),
        Step("unit tests", tuple(test), variables, SKIP_ADVICE),
    )


def _by_script(variables: dict[str, str]) -> BuildPlan:
    build = Step("building", ("bash", SCRIPT), variables)
    paths = [LIBRARIES, os.environ.get("LD_LIBRARY_PATH", "")]
    found = {**variables, "LD_LIBRARY_PATH": ":".join(path for path in paths if path)}
    test = Step("unit tests", (f"./{TEST_PROGRAM}",), found, SKIP_ADVICE)
    return BuildPlan((build,), test)


def _variables(folder: Path) -> dict[str, str]:
    """Return the environment of a build: the SDK is found, and the bytes depend on no path."""
    prefixes = [str(sdk_folder()), os.environ.get("CMAKE_PREFIX_PATH", "")]
    mapped = f"-ffile-prefix-map={shlex.quote(str(folder))}=."
    compilers = ("CFLAGS", "CXXFLAGS")
    return {
        **{name: f"{os.environ.get(name, '')} {mapped}".strip() for name in compilers},
        "CMAKE_PREFIX_PATH": ":".join(prefix for prefix in prefixes if prefix),
        "GRPS_SDK": str(sdk_folder()),
    }
