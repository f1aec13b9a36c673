"""Check that no file names a workplace path or registry host, or leaves work undone."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.repository import ROOT, is_generated, source_files

# The words are split so that this file passes its own check.
FORBIDDEN = {
    "an absolute path of one machine": re.compile(
        r"(?<![\w.])/(?:wo" r"rk|ro" r"ot|ho" r"me/\w+)/\w"
    ),
    "a package registry's host": re.compile(
        r"\b(?:py"
        r"pi\.org|python"
        r"hosted\.org|crates"
        r"\.io|npm"
        r"js\.(?:com|org)"
        r"|(?:repo1?|central)\.(?:maven|sona"
        r"type)\b|maven"
        r"\.org)"
    ),
    "unfinished work": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"),
}
LOCK_FILES = {"Cargo.lock", "package-lock.json"}
"""Written by their tools, which put hosts into them."""
MAX_BYTES = 2_000_000


def find_forbidden(text: str) -> list[tuple[int, str]]:
    """Return line number and kind of each forbidden word."""
    return [
        (number, kind)
        for number, line in enumerate(text.splitlines(), start=1)
        for kind, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]


def read_text(path: Path) -> str | None:
    """Text of a file; ``None`` if it is binary or too large to have been typed."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES or b"\0" in content:
        return None
    return content.decode("utf-8", errors="replace")


def main() -> int:
    """Check every file of the tree."""
    found = 0
    for path in source_files():
        if path.name in LOCK_FILES or is_generated(path):
            continue
        text = read_text(ROOT / path)
        for line, kind in find_forbidden(text or ""):
            print(f"{path}:{line}: {kind}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
