"""Give the Chinese pages what does not differ from their English pages: code blocks and links.

A translator writes an empty block in place of each code block, and links as the English page has
them. ``python -m tools.docs_site.translations docs/guides/batching.zh.md`` fills the blocks, and
lets links lead to Chinese pages and headings where these exist. Without a path, all Chinese pages
are done. What runs on the English page is then known to run on the Chinese one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.repository import ROOT

DOCS = ROOT / "docs"
SUFFIX = ".zh.md"
README = ROOT / "README.zh-CN.md"
"""The only Chinese page outside of ``docs/``, named as GitHub's readers know it."""
BLOCK = re.compile(r"^```[\w-]*\n(?:.*?\n)??```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[\w-]+))?\)")


def english(page: Path) -> Path:
    """Return the English page of a Chinese one."""
    if page == README:
        return ROOT / "README.md"
    return page.with_name(f"{page.name.removesuffix(SUFFIX)}.md")


def chinese(page: Path) -> Path:
    """Return where the Chinese page of an English one is, or would be."""
    return page.with_name(f"{page.name.removesuffix('.md')}{SUFFIX}")


def with_blocks(text: str, original: str) -> str:
    """Return the text of a Chinese page with the blocks of the English one.

    Raises:
        ValueError: The pages have different numbers of blocks.
    """
    found = BLOCK.findall(original)
    count = len(BLOCK.findall(text))
    if count != len(found):
        raise ValueError(f"{count} code blocks, but the English page has {len(found)}")
    blocks = iter(found)
    return BLOCK.sub(lambda _: next(blocks), text)


def headings(text: str) -> list[tuple[int, str]]:
    """Return the level and the title of each heading of a page."""
    found = HEADING.findall(BLOCK.sub("", text))
    return [(len(marks), title) for marks, title in found]


def anchor(title: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def anchors(page: Path) -> list[str]:
    """Return the anchors of a page, in order."""
    return [anchor(title) for _, title in headings(page.read_text(encoding="utf-8"))]


def translated_anchor(name: str, original: Path, translated: Path) -> str:
    """Return the anchor of the Chinese heading in the place of an English one."""
    known, there = anchors(original), anchors(translated)
    if name in known and name not in there and len(known) == len(there):
        return there[known.index(name)]
    return name


def with_links(text: str, page: Path) -> str:
    """Return the text of a Chinese page whose links lead to Chinese pages where these exist."""

    def moved(found: re.Match[str]) -> str:
        target, name = found["target"], found["anchor"]
        original = english(page) if not target else (page.parent / target).resolve()
        translated = page if not target else chinese(original)
        is_page = original.suffix == ".md" and not original.name.endswith(SUFFIX)
        if "://" in target or not is_page or not translated.is_file():
            return found[0]
        name = name and translated_anchor(name, original, translated)
        moved_target = f"{target.removesuffix('.md')}{SUFFIX}" if target else ""
        return f"]({moved_target}{'#' + name if name else ''})"

    parts = BLOCK.split(text)
    blocks = BLOCK.findall(text)
    linked = [LINK.sub(moved, part) for part in parts]
    return "".join(piece for pair in zip(linked, [*blocks, ""], strict=True) for piece in pair)


def main() -> int:
    """Complete the named pages, or all."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or [
        README,
        *sorted(DOCS.rglob(f"*{SUFFIX}")),
    ]
    failed = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        try:
            text = with_blocks(text, english(page).read_text(encoding="utf-8"))
        except ValueError as error:
            print(f"{page.relative_to(ROOT)}: {error}")
            failed = 1
            continue
        page.write_text(with_links(text, page), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
