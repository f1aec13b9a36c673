"""The complete files in C++ of the documentation compile; one needs libtorch's slow headers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Block, blocks
from tests.support import REPOSITORY
from tests.tensorrt import compiler

PAGES = ("cpp.md", "plugins.md", "step-models.md")
FLAGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-O0")
INCLUDE = REPOSITORY / "sdk" / "cpp" / "include"


def complete() -> list[Block]:
    """The blocks that are whole files, but those for libtorch."""
    found = [
        block
        for page in PAGES
        for block in blocks(DOCS / "guides" / page)
        if block.language == "cpp" and "#include <grps/" in block.text
    ]
    return [block for block in found if "grps/torch.hpp" not in block.text]


def test_files_compile(tmp_path: Path) -> None:
    """All in one run of the compiler, which reads the headers once, each in its own namespace."""
    found = complete()
    assert len(found) >= 9
    for kind in ("plugin", "testing"):
        parts = [f"#include <grps/{kind}.hpp>\n"]
        for number, block in enumerate(found):
            if f"#include <grps/{kind}.hpp>" not in block.text:
                continue
            text = block.text.replace(f"#include <grps/{kind}.hpp>", "")
            for once in ("GRPS_PLUGIN(", "GRPS_TEST_MAIN()"):
                text = text.replace(once, f"static auto unused = [] {{ return 0; }}; // {once}")
            parts.append(f"namespace part_{number} {{\n{text}}}\n")
        file = tmp_path / f"{kind}.cpp"
        file.write_text("".join(parts))
        ran = subprocess.run(
            ["g++", *FLAGS, f"-I{INCLUDE}", "-Wno-unused-variable", str(file)],
            check=False,
            capture_output=True,
            text=True,
        )
        if ran.returncode != 0:
            pytest.fail(ran.stderr)


def test_the_file_for_tensorrt_compiles(tmp_path: Path) -> None:
    [block] = [one for one in complete() if "grps/tensorrt.hpp" in one.text]
    file = tmp_path / "block.cpp"
    file.write_text(block.text)
    subprocess.run([*compiler("-fsyntax-only"), str(file)], check=True)
