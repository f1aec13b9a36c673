"""``python -m grps.inference.app FILE``: print what the models of a file are, as JSON.

The file is imported in this process only, whatever it does. What it prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from grps.errors import GrpsError
from grps.inference.app.described import describe
from grps.inference.app.faults import located
from grps.inference.app.files import import_app
from grps.inference.app.names import name_of


def main(file: Path) -> int:
    """Print the models of a file, or the fault that keeps it from being imported."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with answer:
        try:
            json.dump({"models": _models(file)}, answer)
        except GrpsError as error:
            json.dump({"error": str(error)}, answer)
            return 1
        except BaseException as error:
            json.dump({"error": located(error, file)}, answer)
            return 1
    return 0


def _models(file: Path) -> list[dict[str, Any]]:
    found = import_app(file)
    return [describe(one.declared, name_of(file.name, name)) for name, one in found.items()]


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    # Threads that the file has started do not keep this process.
    os._exit(code)
