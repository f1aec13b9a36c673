"""Check that ``grps/_core.pyi`` says what the built module ``grps._core`` has, and no more."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tools.repository import ROOT

Names = dict[str, "list[str] | None"]
"""Public names (``Class.member`` for members) and the parameter names of those that are called."""

STUB = ROOT / "grps" / "_core.pyi"
MODULE = "grps._core"
RECEIVERS = {"self", "cls", "$self", "$cls"}
KEPT_DUNDERS = {
    "__aiter__", "__anext__", "__bool__", "__call__", "__contains__", "__enter__", "__exit__",
    "__getitem__", "__iter__", "__len__", "__next__", "__setitem__",
}  # fmt: skip
"""Special methods that a stub must show; Python gives most others to every class."""


def is_public(name: str) -> bool:
    """Tell whether a name is part of what users of the module see."""
    return not name.startswith("_") or name in KEPT_DUNDERS


def stub_names(source: str) -> Names:
    """Read the public names of a stub."""
    return _stub_body(ast.parse(source).body, "", in_class=False)


def _stub_body(body: list[ast.stmt], prefix: str, *, in_class: bool) -> Names:
    names: Names = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if in_class and node.name in {"__init__", "__new__"}:
                names[prefix.removesuffix(".")] = _stub_parameters(node)
            elif is_public(node.name):
                is_property = any(
                    (isinstance(mark, ast.Name) and mark.id == "property")
                    or (isinstance(mark, ast.Attribute) and mark.attr in {"setter", "getter"})
                    for mark in node.decorator_list
                )
                names[prefix + node.name] = None if is_property else _stub_parameters(node)
        elif isinstance(node, ast.ClassDef) and is_public(node.name):
            names[prefix + node.name] = None
            names.update(_stub_body(node.body, f"{prefix}{node.name}.", in_class=True))
        elif isinstance(node, ast.AnnAssign) and is_public(ast.unparse(node.target)):
            names[prefix + ast.unparse(node.target)] = None
    return names


def _stub_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = node.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    if arguments.vararg:
        names.append("*" + arguments.vararg.arg)
    names += [argument.arg for argument in arguments.kwonlyargs]
    if arguments.kwarg:
        names.append("**" + arguments.kwarg.arg)
    return [name for name in names if name not in RECEIVERS]


def module_names(module: ModuleType) -> Names:
    """Read the public names of a loaded module."""
    names: Names = {}
    for name, value in vars(module).items():
        if not is_public(name) or isinstance(value, ModuleType):
            continue
        if inspect.isclass(value):
            names[name] = _parameters(value)
            for member, inner in vars(value).items():
                if is_public(member):
                    names[f"{name}.{member}"] = _member(inner)
        else:
            names[name] = _parameters(value) if callable(value) else None
    return names


def _member(value: object) -> list[str] | None:
    if isinstance(value, (staticmethod, classmethod)):
        return _parameters(value.__func__)
    return _parameters(value) if inspect.isroutine(value) and callable(value) else None


def _parameters(value: Callable[..., object]) -> list[str] | None:
    """Parameter names; ``None`` when the object does not tell or takes none by its type."""
    if inspect.isclass(value):
        own = vars(value)
        if "__init__" not in own and "__new__" not in own:
            return None
        if (
            "__init__" not in own
            and not value.__text_signature__
            and not inspect.isfunction(value.__new__)
        ):
            return None
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    stars: dict[int, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    return [stars.get(p.kind, "") + p.name for p in parameters if p.name not in RECEIVERS]


def compare(stub: Names, built: Names) -> list[str]:
    """Return one line per difference."""
    problems = [f"{name}: in the stub only" for name in sorted(stub.keys() - built.keys())]
    problems += [f"{name}: in the module only" for name in sorted(built.keys() - stub.keys())]
    for name in sorted(stub.keys() & built.keys()):
        said, real = stub[name], built[name]
        special = name.rpartition(".")[2].startswith("__")
        if said != real and not special:
            problems.append(f"{name}: the stub takes {_show(said)}, the module {_show(real)}")
    return problems


def _show(parameters: list[str] | None) -> str:
    return "no call" if parameters is None else f"({', '.join(parameters)})"


def check(stub: Path, module: ModuleType) -> list[str]:
    """Compare a stub file with a loaded module."""
    source = stub.read_text(encoding="utf-8") if stub.is_file() else ""
    return compare(stub_names(source), module_names(module))


def main() -> int:
    """Check the native module's stub."""
    problems = check(STUB, importlib.import_module(MODULE))
    for problem in problems:
        print(f"{STUB.relative_to(ROOT)}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
