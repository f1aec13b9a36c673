"""Write the reference of the plugin ABI from ``grps/plugin.h``; with ``--check`` only compare.

The header is read, not compiled. What stands above the mark in the page is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.abi_reference.entries import Source
from tools.abi_reference.header import read_header
from tools.abi_reference.page import generated
from tools.repository import ROOT

HEADER = ROOT / "sdk" / "cpp" / "include" / "grps" / "plugin.h"
PAGE = ROOT / "docs" / "reference" / "plugin-abi.md"
MARK = (
    "<!-- From here on, `make generate` writes this page from sdk/cpp/include/grps/plugin.h. -->\n"
)


def whole_page(page: str) -> str:
    """Return the page with its generated part made anew.

    Raises:
        ValueError: The mark is not in it once, or the header is not understood.
    """
    if page.count(MARK) != 1:
        raise ValueError(f"{PAGE} must have this line once: {MARK}")
    source = Source(str(HEADER.relative_to(ROOT)), HEADER.read_text(encoding="utf-8"))
    return page[: page.index(MARK) + len(MARK)] + "\n" + generated(read_header(source))


def main(page: Path = PAGE) -> int:
    """Write or compare the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.abi_reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the page is stale")
    options = parser.parse_args()
    committed = page.read_text(encoding="utf-8")
    try:
        fresh = whole_page(committed)
    except ValueError as error:
        print(error)
        return 1
    if not options.check:
        page.write_text(fresh, encoding="utf-8")
        print(f"generated {page.relative_to(ROOT)}")
        return 0
    if fresh != committed:
        print(f"{page.relative_to(ROOT)} is stale; run: make generate")
    return int(fresh != committed)


if __name__ == "__main__":
    sys.exit(main())
