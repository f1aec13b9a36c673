"""The Markdown pages of the documentation and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support import REPOSITORY

README = REPOSITORY / "README.md"
CHINESE_README = REPOSITORY / "README.zh-CN.md"
DOCS = REPOSITORY / "docs"
EXAMPLES = REPOSITORY / "examples"
CHINESE = ".zh.md"
"""How the name of a Chinese page ends; its English page is beside it."""
BLOCK = re.compile(
    r"^(?P<skip><!-- no-run: (?P<reason>\S.*?) -->\n+)?```(?P<language>[\w-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
RUN = ("bash", "python")
LANGUAGES = (
    *RUN,
    "cmake",
    "cpp",
    "dockerfile",
    "go",
    "html",
    "java",
    "javascript",
    "json",
    "text",
    "typescript",
    "xml",
    "yaml",
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    no_run: str | None
    """Why it is not run."""

    @property
    def runs(self) -> bool:
        return self.language in RUN and self.no_run is None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["language"],
            found["text"],
            text.count("\n", 0, found.start("language")) + 1,
            found["reason"],
        )
        for found in BLOCK.finditer(text)
    ]


def pages() -> list[Path]:
    """Every page whose blocks are run."""
    return [README, *english_pages(), *sorted(EXAMPLES.rglob("*.md"))]


def english_pages() -> list[Path]:
    """The pages of the documentation in English."""
    return [page for page in sorted(DOCS.rglob("*.md")) if not page.name.endswith(CHINESE)]


def chinese_pages() -> list[Path]:
    """The pages in Chinese; their blocks are those of the English pages, so they are not run."""
    return sorted(DOCS.rglob(f"*{CHINESE}"))


def name_of(page: Path) -> str:
    """A page's path as people write it."""
    return str(page.relative_to(REPOSITORY))
