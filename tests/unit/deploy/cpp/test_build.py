"""The build of projects in C++, by the real CMake and compiler; the library is some lines of C."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from grps.cli.output.steps import StepProgress
from grps.deploy.archive.pack import pack
from grps.deploy.cpp.build import BuildInPlace, Built, built_copy
from grps.deploy.cpp.libraries import needed_libraries
from grps.deploy.cpp.plan import BuildChoices
from grps.deploy.cpp.sources import build_trees, copy_sources, is_cpp_project, source_files
from grps.errors import ArchiveError
from tests.unit.deploy.archive.archives import write_tree

CMAKE = """cmake_minimum_required(VERSION 3.16)
project(p C)
enable_testing()
add_library(p MODULE src/p.c)
add_executable(unit_test src/test.c)
add_test(NAME doubles COMMAND unit_test)
"""
MODEL = (
    "{name: m, version: '1', inferer_type: plugin, inferer_path: build/libp.so, inferer_name: m}"
)
PROJECT = {
    "CMakeLists.txt": CMAKE,
    "conf/inference.yml": f"models: [{MODEL}]\n",
    "conf/server.yml": "interface: {port: '0,0'}\n",
    "src/p.c": "const char *where(void) { return __FILE__; }\n",
    "src/test.c": "int main(void) { return 0; }\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "p", PROJECT)


def build(project: Path, *defines: str, is_tested: bool = True) -> tuple[Built, list[str]]:
    titles: list[str] = []
    choices = BuildChoices(defines)
    with built_copy(
        project, choices, lambda title, _: titles.append(title), is_tested=is_tested
    ) as b:
        return b, list(dict.fromkeys(titles))


def failure(project: Path, *defines: str) -> str:
    with pytest.raises(ArchiveError) as caught:
        build(project, *defines)
    return str(caught.value)


def test_a_project_is_built_tested_and_packed_the_same_each_time(
    project: Path, tmp_path: Path
) -> None:
    before = sorted(project.rglob("*"))
    digests = []
    for number in range(2):
        copy = built_copy(project, BuildChoices(), lambda *_: None, is_tested=True)
        with copy as built:
            output = tmp_path / f"{number}.mar"
            packed = pack(project, output, "1", lambda *_: None, built.files)
        digests.append(hashlib.sha256(output.read_bytes()).hexdigest())
        assert packed.sha256 == digests[-1]
    assert digests[0] == digests[1]
    paths = [file.path for file in built.files]
    assert paths == sorted([*PROJECT, "build/libp.so"])
    assert built.notes == ()
    assert sorted(project.rglob("*")) == before, "the project itself stays as it is"


def test_the_steps_are_told_and_tests_may_be_left_out(project: Path) -> None:
    assert build(project)[1] == ["configuring", "building", "unit tests"]
    (project / "src" / "test.c").write_text("int main(void) { return 3; }\n")
    assert build(project, is_tested=False)[1] == ["configuring", "building"]
    said = failure(project)
    assert said.startswith("unit tests failed: ctest --test-dir build --output-on-failure")
    assert "; nothing is packed (--skip_unittest packs all the same)\n" in said
    assert "***Failed" in said


def test_what_the_compiler_says_is_shown_with_paths_of_the_project(project: Path) -> None:
    (project / "src" / "p.c").write_text("int f(void) { return oops; }\n")
    said = failure(project)
    assert said.startswith("building failed: cmake --build build")
    assert f"{project}/src/p.c:1:22: error: " in said
    assert "gmake" not in said
    (project / "CMakeLists.txt").write_text("project(p C)\nno_such_command()\n")
    said = failure(project)
    assert said.startswith("configuring failed: cmake -S . -B build")
    assert 'Unknown CMake command "no_such_command"' in said


def test_what_the_configuration_names_must_be_built(project: Path) -> None:
    (project / "conf" / "inference.yml").write_text(
        PROJECT["conf/inference.yml"].replace("libp", "libq")
    )
    wanted = "model m-1: inferer_path build/libq.so was not built; the build made build/libp.so"
    assert failure(project) == wanted
    without = CMAKE.replace("add_test(NAME doubles COMMAND unit_test)\n", "")
    (project / "CMakeLists.txt").write_text(without)
    assert "No tests were found" in failure(project)
    write_tree(project, {"test.py": "", **{"conf/inference.yml": PROJECT["conf/inference.yml"]}})
    assert build(project)[1][-1] == "unit tests", "those in Python are tests too"


def test_definitions_and_libraries_of_the_project(project: Path) -> None:
    core = 'add_library(core SHARED "${CORE}")\ntarget_link_libraries(p core)\n'
    (project / "CMakeLists.txt").write_text(CMAKE + core)
    write_tree(project, {"src/core.c": "int core(void) { return 1; }\n"})
    use = "int core(void);\nint use(void) { return core(); }\n"
    (project / "src" / "p.c").write_text(use)
    built, _ = build(project, "CORE=src/core.c")
    assert "build/libcore.so" in [file.path for file in built.files]


def test_libraries_from_elsewhere_are_packed_beside_the_plugin(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_tree(tmp_path / "other", {"o.c": "int other(void) { return 1; }\n"})
    flags = ["-shared", "-fPIC", "-Wl,-soname,libother.so.1", "-o", "libother.so"]
    subprocess.run(["cc", *flags, "o.c"], cwd=other, check=True)
    use = "int other(void);\nint use(void) { return other(); }\n"
    (project / "src" / "p.c").write_text(use)
    link = f"target_link_libraries(p {other}/libother.so)\n"
    (project / "CMakeLists.txt").write_text(CMAKE + link)
    wanted = "build/libp.so needs libother.so.1, which is not found; put its folder into"
    assert failure(project).startswith(wanted)
    shutil.copy(other / "libother.so", other / "libother.so.1")
    built, _ = build(project)
    found = {file.path: file.source for file in built.files}
    assert found["build/libother.so.1"] == other / "libother.so.1"


def test_missing_programs_are_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArchiveError, match=r"src/p\.c is no shared library: "):
        needed_libraries(project / "src" / "p.c", "src/p.c", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    said = failure(project)
    assert said.startswith("cmake can't be run (No such file or directory); projects in C++ need")
    with pytest.raises(ArchiveError, match="ldd can't be run"):
        needed_libraries(project / "p.so", "p.so", ())


def test_a_script_of_the_project_builds_it(project: Path) -> None:
    write_tree(
        project,
        {
            "build.sh": "set -e\nmkdir -p build/RelWithDebInfo_install/bin\n"
            'test -f "$GRPS_SDK/include/grps/plugin.h"\n'
            "cc $CFLAGS -shared -fPIC -o build/libp.so src/p.c\n"
            "cc -o build/RelWithDebInfo_install/bin/unit_test src/test.c\n"
        },
    )
    built, titles = build(project)
    assert titles == ["building", "unit tests"]
    with pytest.raises(ArchiveError, match=r"build\.sh: projects with a build script are built in"):
        BuildInPlace(project, BuildChoices(), StepProgress).build()
    assert "build/libp.so" in [file.path for file in built.files]


def test_build_trees_are_no_sources(project: Path, tmp_path: Path) -> None:
    assert is_cpp_project(project)
    assert not is_cpp_project(tmp_path)
    write_tree(project, {"src/customized_converter.py": ""})
    assert is_cpp_project(project), "code in Python beside a plugin"
    write_tree(project, {"conf/inference.yml": "models: [{name: m, version: '1'}]\n"})
    assert not is_cpp_project(project), "the build file of something else"
    write_tree(project, {"conf/inference.yml": "models: [\n"})
    assert not is_cpp_project(project), "a configuration that can't be read"
    write_tree(
        project,
        {
            "build/keep.txt": "not from CMake",
            "out/debug/CMakeCache.txt": "",
            "out/debug/a.o": "",
            "in/CMakeCache.txt": "",
            "in/CMakeLists.txt": "a build in its source folder keeps its sources",
        },
    )
    assert build_trees(project) == ["out/debug"]
    kept = {file.path for file in source_files(project)}
    assert {"build/keep.txt", "in/CMakeLists.txt"} <= kept
    assert not any(path.startswith("out/") for path in kept)
    write_tree(project, {"build/debug/CMakeCache.txt": ""})
    assert sorted(build_trees(project)) == ["build", "build/debug", "out/debug"]


def test_large_files_are_linked_to(project: Path, tmp_path: Path) -> None:
    weights = project / "weights.bin"
    for size, is_link in ((16 * 1024 * 1024 - 1, False), (16 * 1024 * 1024, True)):
        with weights.open("wb") as stream:
            stream.truncate(size)
        target = tmp_path / str(size)
        copy_sources(source_files(project), target)
        assert (target / "weights.bin").is_symlink() == is_link
