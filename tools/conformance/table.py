"""Keep the table of features, languages and protocols in the docs as the clients' tests find it.

``python -m tools.conformance.table --write`` runs the conformance programs of all languages against
a service and writes what passed; without the flag, it compares. A check that fails ends it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.conformance.features import Cell, declared, differences, passed, read_features, table
from tools.conformance.languages import LANGUAGES, ProgramError, build, measure
from tools.conformance.service import conformance_service
from tools.repository import ROOT

PAGE = ROOT / "docs" / "clients" / "README.md"
BEGIN = "<!-- python -m tools.conformance.table writes this table -->\n"
END = "<!-- end of the table -->\n"


def with_table(page: str, columns: Mapping[str, set[Cell]]) -> str:
    """Return the page with a new table.

    Args:
        page: The text of the page.
        columns: What passed in each language, by its name.
    """
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    titles = {language.title: columns[name] for name, language in LANGUAGES.items()}
    return f"{before}{BEGIN}\n{table(read_features(), titles)}\n{END}{after}"


def measured() -> dict[str, set[Cell]]:
    """Run all conformance programs; return what passed in each language.

    Raises:
        ProgramError: A client can't be built, or a check failed or is missing.
    """
    columns = {}
    with conformance_service() as service, tempfile.TemporaryDirectory() as folder:
        for name, language in LANGUAGES.items():
            print(f"── {language.title}", flush=True)
            variables = service.variables(Path(folder) / name)
            build(language, variables)
            results = measure(language, variables)
            problems = differences(declared(language, read_features()), results)
            if problems:
                raise ProgramError("\n".join(problems))
            columns[name] = passed(results)
    return columns


def main() -> int:
    """Write the table, or say whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance.table", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page")
    arguments = parser.parse_args()
    old = PAGE.read_text(encoding="utf-8")
    try:
        new = with_table(old, measured())
    except ProgramError as error:
        print(error)
        return 1
    if arguments.write:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        print(f"{PAGE.relative_to(ROOT)} is not what the clients do; run with --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
