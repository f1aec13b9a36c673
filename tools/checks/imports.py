"""Check who imports the native module, the frameworks and the engines' packages.

- ``grps._core`` is imported by ``grps/server/native.py`` only.
- A framework is imported inside ``grps/backends/`` only: when loaded, by its own engine's package;
  elsewhere there, in a function or for type checkers.
- A module of an engine's package is imported when loaded by its own package only, and by no other
  engine's. Declarations are the exception: they import no framework, and anything may import them.
  So ``import grps`` loads no framework.

The layers are import-linter's to check.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

from grps.backends.table import ENGINES
from tools.repository import ROOT, is_generated, source_files

OWNERS = {engine.package: name for name, engine in ENGINES.items()} | {"torchvision": "torch"}
"""The engine that imports each framework."""
FRAMEWORKS = frozenset(OWNERS)
SHORT_NAMES = {"tf": "tensorflow", "trt": "tensorrt"}
"""What upstream's paths call some frameworks."""
LIGHT_PARTS = ("__init__", "declaration")
"""Modules of an engine's package that load no framework."""
NATIVE = "grps._core"
NATIVE_IMPORTER = Path("grps/server/native.py")
BACKENDS = Path("grps/backends")
_WORDS_OF_A_MODULE = 4
"""As in ``grps.backends.torch.backend``."""
USER_CODE = Path("grps/deploy/project/templates")
"""Files that become a user's project; they may import what they like."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module as the source names it."""

    module: str
    line: int
    at_load: bool
    """Whether loading the importing module runs it."""


def find_imports(source: str) -> list[Import]:
    """List every import of a Python source; ``from a import b`` counts as ``a`` and ``a.b``."""
    found: list[Import] = []
    _walk(ast.parse(source), True, found)
    return found


def _walk(node: ast.AST, at_load: bool, found: list[Import]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            found += [Import(alias.name, child.lineno, at_load) for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.module:
            names = [child.module, *(f"{child.module}.{alias.name}" for alias in child.names)]
            found += [Import(name, child.lineno, at_load) for name in names]
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        ):
            _walk(child, False, found)
        else:
            _walk(child, at_load, found)


def engine_of(module: str) -> str | None:
    """The engine whose framework loading a module may import; ``None`` for others.

    Those are the modules of the engines' packages, and upstream's paths to them.
    """
    if module.startswith("grps_framework."):
        first = module.rpartition(".")[2].partition("_")[0]
        first = SHORT_NAMES.get(first, first)
        return first if first in ENGINES else None
    words = module.split(".")
    if words[:2] != ["grps", "backends"] or len(words) < _WORDS_OF_A_MODULE:
        return None
    return words[2] if words[2] in ENGINES and words[3] not in LIGHT_PARTS else None


def check_file(path: Path, source: str) -> list[str]:
    """Return one line per import that ``path``, relative to the repository, may not have."""
    ours = ".".join(path.with_suffix("").parts)
    problems = set()
    for item in find_imports(source):
        reason = _refuse(path, engine_of(ours), item)
        if reason:
            problems.add(f"{path}:{item.line}: {item.module}: {reason}")
    return sorted(problems)


def _refuse(path: Path, engine: str | None, item: Import) -> str | None:
    framework = item.module.partition(".")[0]
    target = engine_of(item.module)
    if item.module == NATIVE and path != NATIVE_IMPORTER:
        return f"only {NATIVE_IMPORTER} may import this"
    if framework in FRAMEWORKS and not path.is_relative_to(BACKENDS):
        return f"only {BACKENDS}/ may import a framework"
    if framework in FRAMEWORKS and item.at_load and not _may_load(engine, framework):
        return f"import it in a function, or in {BACKENDS}/{OWNERS[framework]}/"
    if target and engine and target != engine:
        return "an engine must not import another"
    if target and not engine and item.at_load:
        return "import an engine in a function"
    return None


def _may_load(engine: str | None, framework: str) -> bool:
    """Return whether modules of an engine's package may import a framework when loaded."""
    also = ENGINES[engine].also_imports if engine is not None else ()
    return OWNERS[framework] == engine or framework in also


def main() -> int:
    """Check both packages."""
    problems = []
    for path in source_files():
        ours = path.parts[0] in {"grps", "grps_apis", "grps_framework"} and path.suffix == ".py"
        if ours and not is_generated(path) and not path.is_relative_to(USER_CODE):
            problems += check_file(path, (ROOT / path).read_text(encoding="utf-8"))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
