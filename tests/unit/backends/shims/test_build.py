"""Shims are compiled once, and what keeps them from it is said."""

from __future__ import annotations

import ctypes
import dataclasses
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grps.backends.shims import recipe as recipes
from grps.backends.shims.build import built_shim, cache_folder
from grps.backends.shims.recipe import Recipe
from grps.backends.torch.shim import recipe as torch_recipe
from grps.errors import ModelError
from tests.support import REPOSITORY

HEADER = REPOSITORY / "sdk" / "cpp" / "engines" / "engine.h"
ENGINE = """
#include "../engine.h"
extern "C" __attribute__((visibility("default"))) int answer() { return GRPS_ENGINE_VERSION; }
"""
RECIPE = Recipe(engine="tiny", package="tinylib", version="1.2", includes=())


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of an engine, whose shims get a cache of their own."""
    folder = tmp_path / "engines"
    (folder / "tiny").mkdir(parents=True)
    (folder / "engine.h").write_bytes(HEADER.read_bytes())
    path = folder / "tiny" / "engine.cc"
    path.write_text(ENGINE)
    monkeypatch.setattr(recipes, "SOURCES", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


def test_who_needs_it_at_once_builds_it_once(source: Path) -> None:
    lines: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        shims = set(pool.map(lambda _: built_shim(RECIPE, lines.append), range(4)))
    assert lines == ["building the tiny engine for tinylib 1.2 (once, about 30 s)"]
    (shim,) = shims
    assert shim.parent == cache_folder()
    assert sorted(path.suffix for path in shim.parent.iterdir()) == [".lock", ".so"]
    assert ctypes.CDLL(str(shim)).answer() == 1


def test_another_source_version_or_place_is_another_shim(source: Path, tmp_path: Path) -> None:
    name = RECIPE.file_name()
    assert RECIPE.file_name() == name
    newer = dataclasses.replace(RECIPE, version="1.3").file_name()
    moved = dataclasses.replace(RECIPE, folders=(tmp_path,)).file_name()
    source.write_text(ENGINE + "\n")
    assert len({name, newer, moved, RECIPE.file_name()}) == 4
    source.unlink()
    with pytest.raises(ModelError, match=r"engine\.cc is missing; install grpst again"):
        RECIPE.file_name()


def test_the_compiler_says_what_is_wrong(source: Path) -> None:
    source.write_text("#include <none.h>\n")
    with pytest.raises(ModelError) as caught:
        built_shim(RECIPE, lambda line: None)
    text = str(caught.value)
    assert text.startswith("the tiny engine for tinylib 1.2 can't be built: the compiler fails; ")
    assert "none.h" in text.splitlines()[1]
    assert [path.suffix for path in cache_folder().iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [
        (
            "CXX",
            "none++ -m64",
            r"no compiler of C\+\+ \(CXX is none\+\+ -m64\); on Debian",
        ),
        ("PATH", "/nowhere", r"\(none of c\+\+, g\+\+, clang\+\+ is there\)"),
    ],
)
def test_a_missing_compiler_is_named(
    source: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, cause: str
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ModelError, match=cause):
        built_shim(RECIPE, lambda line: None)


def test_a_cache_that_can_not_be_written_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="set XDG_CACHE_HOME to a folder that you may write to"):
        built_shim(RECIPE, lambda line: None)


def test_torch_is_described_without_its_import() -> None:
    recipe = torch_recipe()
    assert recipe.file_name().startswith(f"torch-{recipe.version}-")
    assert "+" not in recipe.version
    (libraries,) = recipe.folders
    assert (libraries / "libtorch_cpu.so").is_file()


def test_the_header_is_c_as_well() -> None:
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c"]
    include = f"-I{REPOSITORY / 'sdk' / 'cpp' / 'include'}"
    subprocess.run([*command, include, str(HEADER)], check=True)
