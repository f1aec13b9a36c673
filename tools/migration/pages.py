"""The pages in ``docs/migrate``: which of their code blocks run where."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tools.repository import ROOT

FOLDER = ROOT / "docs" / "migrate"
BLOCK = re.compile(
    r"^(?P<theirs><!-- no-run: it runs on (?P<server>[^>]+) -->\n+)?"
    r"```(?P<language>[\w-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FILE = re.compile(r"# (?P<path>[\w./-]+\.\w+)\n")
"""The first line of a block that is a file names it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block of one side.

    Attributes:
        language: As the fence names it.
        text: What is in it.
        line: Of its fence in the page.
        answer: What it prints, if it is a request.
    """

    language: str
    text: str
    line: int
    answer: Any = None

    @property
    def path(self) -> str | None:
        """The file that the block is, relative to the folder of its side."""
        found = FILE.match(self.text)
        return found["path"] if found else None


@dataclass(frozen=True, slots=True)
class Page:
    """The example of a page.

    Attributes:
        server: The other server, as the page writes it; empty if nothing is for it.
        shared: Blocks that both sides begin with, such as the one that makes the model.
        theirs: Blocks for the other server.
        ours: Blocks for GRPS.
    """

    server: str
    shared: tuple[Block, ...]
    theirs: tuple[Block, ...]
    ours: tuple[Block, ...]


def names() -> list[str]:
    """List the pages of servers."""
    files = (path.name for path in sorted(FOLDER.glob("*.md")))
    return [name[:-3] for name in files if "." not in name[:-3] and name != "README.md"]


def read_page(name: str) -> Page:
    """Read a page by its name, such as ``litserve``."""
    return parse_page((FOLDER / f"{name}.md").read_text(encoding="utf-8"))


def parse_page(text: str) -> Page:
    """Divide the blocks of the section "The same service" among both sides.

    Blocks before the first heading below it are shared; those behind the heading "GRPS" are ours.
    """
    begin = text.index("\n## The same service\n")
    end = text.find("\n## ", begin + 1)
    end = len(text) if end < 0 else end
    heading = text.index("\n### ", begin)
    ours_begin = text.index("\n### GRPS\n", begin)
    sides: dict[str, list[Block]] = {"shared": [], "theirs": [], "ours": []}
    servers = set()
    found = [one for one in BLOCK.finditer(text) if begin < one.start() < end]
    for one, after in zip(found, [*found[1:], None], strict=True):
        if one["language"] == "json":
            continue
        is_asked = after is not None and after["language"] == "json"
        block = Block(
            one["language"],
            one["text"],
            text.count("\n", 0, one.start("language")) + 1,
            json.loads(after["text"]) if after is not None and is_asked else None,
        )
        side = "ours" if one.start() > ours_begin else "theirs"
        sides["shared" if one.start() < heading else side].append(block)
        if one["theirs"]:
            servers.add(one["server"])
    if len(servers) > 1:
        raise ValueError(f"one page has blocks for several servers: {sorted(servers)}")
    return Page(next(iter(servers), ""), *(tuple(sides[side]) for side in sides))
