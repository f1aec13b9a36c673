"""Write the reference of the plugin ABI from ``grps/plugin.h``; with ``--check`` only compare.

The header is read, not compiled. What stands above the mark in the page is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.abi_reference.entries import Source
from tools.abi_reference.header import Header, read_header
from tools.abi_reference.page import generated
from tools.abi_reference.released import check_appended
from tools.repository import ROOT, with_generated_part, write_or_compare

HEADER = ROOT / "sdk" / "cpp" / "include" / "grps" / "plugin.h"
RELEASED = ROOT / "sdk" / "cpp" / "tests" / "released" / "grps" / "plugin.h"
"""The header of the last release, which the present one may only append to."""
PAGE = ROOT / "docs" / "reference" / "plugin-abi.md"
MARK = (
    "<!-- From here on, `make generate` writes this page from sdk/cpp/include/grps/plugin.h. -->\n"
)


def whole_page(page: str) -> str:
    """Return the page with its generated part made anew.

    Raises:
        ValueError: The mark is not in it once, the header is not understood, or it changes what
            was released.
    """
    header = _read(HEADER)
    check_appended(_read(RELEASED), header)
    return with_generated_part(page, MARK, generated(header))


def _read(header: Path) -> Header:
    source = Source(str(header.relative_to(ROOT)), header.read_text(encoding="utf-8"))
    return read_header(source)


def main() -> int:
    """Write or compare the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.abi_reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the page is stale")
    options = parser.parse_args()
    try:
        fresh = whole_page(PAGE.read_text(encoding="utf-8"))
    except ValueError as error:
        print(error)
        return 1
    return write_or_compare(PAGE, fresh, only_compare=options.check)


if __name__ == "__main__":
    sys.exit(main())
