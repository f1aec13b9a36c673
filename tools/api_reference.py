"""Write the reference of the Python API from its docstrings; with ``--check`` only compare.

The sources are read, not imported: the page is the same whether or not an engine is installed. What
stands above the mark in the page is written by hand.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tools.repository import ROOT, with_generated_part, write_or_compare

PAGE = ROOT / "docs" / "reference" / "python-api.md"
MARK = "<!-- From here on, `make generate` writes this page from the docstrings. -->\n"
INTERNAL = ("[For the server]", "[For the client]")
SECTIONS = {"Args:": "Arguments", "Returns:": "Returns", "Raises:": "Raises"}
ANNOTATED_DEFAULT = re.compile(r"(: [^,=]+)=")
ENTRY = re.compile(r"(\*{0,2}[\w.]+): (.*)")

GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Your classes": (
        ("model", "grps/inference/app/decorator.py", "model"),
        ("ModelInferer", "grps/inference/inferer.py", "ModelInferer"),
        ("Converter", "grps/inference/converter.py", "Converter"),
        ("inferer_register", "grps/inference/registry.py", "ModelInfererRegister"),
        ("converter_register", "grps/inference/registry.py", "ConverterRegister"),
    ),
    "Step models": (
        ("StepModel", "grps/inference/steps/model.py", "StepModel"),
        ("StepRequest", "grps/inference/steps/model.py", "StepRequest"),
        ("StepBatch", "grps/inference/steps/model.py", "StepBatch"),
        ("StepResult", "grps/inference/steps/model.py", "StepResult"),
        ("PrefillPart", "grps/inference/steps/model.py", "PrefillPart"),
        ("Transcriber", "grps/inference/steps/transcriber.py", "Transcriber"),
        ("top_logprobs", "grps/server/models/logprobs.py", "top_logprobs"),
    ),
    "The request": (
        ("GrpsContext", "grps/inference/context.py", "GrpsContext"),
        ("InputError", "grps/errors.py", "InputError"),
    ),
    "Metrics, configuration and tests": (
        ("app_monitor", "grps/inference/monitor.py", "Monitor"),
        ("global_conf", "grps/config/global_conf.py", "Config"),
        ("GrpsTest", "grps/server/testing.py", "GrpsTest"),
        ("GrpsTest.executor", "grps/server/testing.py", "Executor"),
        ("SequenceResult", "grps/server/loading/local_steps.py", "SequenceResult"),
    ),
    "Calling a service": (
        ("Client", "grps/client/client.py", "Client"),
        ("AsyncClient", "grps/client/async_client.py", "AsyncClient"),
        ("Result", "grps/client/result.py", "Result"),
        ("Stream", "grps/client/streams.py", "Stream"),
        ("AsyncStream", "grps/client/streams.py", "AsyncStream"),
        ("Retry", "grps/client/retry.py", "Retry"),
        ("Tls", "grps/client/settings.py", "Tls"),
        ("Limits", "grps/client/settings.py", "Limits"),
        ("CallError", "grps/client/errors.py", "CallError"),
    ),
    "Base classes for engines": (
        ("TorchModelInferer", "grps/backends/torch/inferer.py", "TorchModelInferer"),
        ("TorchTensorConverter", "grps/backends/torch/converter.py", "TorchTensorConverter"),
        ("TfModelInferer", "grps/backends/tensorflow/inferer.py", "TfModelInferer"),
        ("TfTensorConverter", "grps/backends/tensorflow/converter.py", "TfTensorConverter"),
        ("TrtModelInferer", "grps/backends/tensorrt/inferer.py", "TrtModelInferer"),
        ("TrtTensorConverter", "grps/backends/tensorrt/converter.py", "TrtTensorConverter"),
        ("OnnxModelInferer", "grps/backends/onnxruntime/inferer.py", "OnnxModelInferer"),
    ),
}
"""Headings; under each the names of ``grps``, and the file and the class or function that describes
them."""


@dataclass(frozen=True, slots=True)
class Member:
    """A method or attribute as the page shows it."""

    name: str
    signature: str
    text: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """A class or function of the API."""

    name: str
    text: str
    bases: tuple[str, ...]
    members: tuple[Member, ...]
    signature: str = ""
    """What a function takes and returns; empty for a class."""


def describe(name: str, file: str, kind: str) -> Described:
    """Read the class or function ``kind`` of a file, which the API has as ``name``."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    # Overloads come first and have no docstring.
    for function in reversed(functions):
        if function.name == kind:
            text, signature = ast.get_docstring(function) or "", _signature(function, False)
            return Described(name, text, (), (), signature)
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind)
    is_object = name[0].islower() or "." in name
    made = (_member(node, is_object) for node in found.body)
    members = [member for member in made if member is not None]
    bases = tuple(ast.unparse(base).partition("[")[0] for base in found.bases)
    for base in bases:
        own = {member.name for member in members}
        members += [member for member in _inherited(tree, base) if member.name not in own]
    text = ast.get_docstring(found) or ""
    return Described(name, text, bases, tuple(members))


def _inherited(tree: ast.Module, base: str) -> tuple[Member, ...]:
    """Return the methods of a base that is no class of the page, such as one that two share."""
    documented = {kind for names in GROUPS.values() for _, _, kind in names}
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or base in documented:
            continue
        module = node.module or ""
        if module.startswith("grps.") and any(alias.name == base for alias in node.names):
            described = describe(base, f"{module.replace('.', '/')}.py", base)
            return tuple(member for member in described.members if member.name != "__init__")
    return ()


def _member(node: ast.stmt, is_object: bool) -> Member | None:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
        alias = ast.unparse(node.targets[0])
        return Member(alias, f"{alias}()", f"The same as ``{node.value.id}``.", ())
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    text = ast.get_docstring(node) or ""
    accepted = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    arguments = tuple(argument.arg for argument in accepted[1:])
    # What makes an object says nothing if GRPS does it, or without arguments.
    is_made = node.name == "__init__" and arguments and not is_object
    hidden = node.name.startswith("_") and not is_made
    if hidden or text.startswith(INTERNAL):
        return None
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    return Member(node.name, _signature(node, "property" in decorators), text, arguments)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, is_property: bool) -> str:
    returned = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    if is_property:
        return node.name + returned.replace(" -> ", ": ")
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    arguments = ANNOTATED_DEFAULT.sub(r"\1 = ", arguments)
    if node.name == "__init__":
        return f"({arguments})"
    return f"{node.name}({arguments}){returned}"


def to_markdown(docstring: str) -> Iterator[str]:
    """Yield the lines of a docstring in Google's style as Markdown."""
    lines = inspect.cleandoc(docstring).replace("``", "`").splitlines()
    section = ""
    for line in lines:
        if line in (*SECTIONS, "Attributes:"):
            section = line
            yield f"{SECTIONS.get(line, 'Attributes')}:"
            yield ""
        elif not section or not line.startswith("    "):
            yield line
        elif section == "Returns:":
            yield line.strip()
        else:
            entry = ENTRY.fullmatch(line.strip())
            is_entry = entry is not None and not line.startswith("        ")
            yield f"- `{entry[1]}`: {entry[2]}" if entry and is_entry else f"  {line.strip()}"


def generated() -> str:
    """Return the generated part of the page."""
    lines: list[str] = []
    for heading, names in GROUPS.items():
        lines += [f"## {heading}", ""]
        for described in (describe(*name) for name in names):
            lines += [f"### {described.name}", ""]
            if described.signature:
                lines += ["```text", described.signature, "```", ""]
            lines += [*to_markdown(described.text), ""]
            for member in described.members:
                lines += [f"#### {_heading(described, member)}", ""]
                signature = member.signature
                if member.name == "__init__":
                    signature = described.name + signature
                lines += ["```text", signature, "```", "", *to_markdown(member.text), ""]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _heading(described: Described, member: Member) -> str:
    if member.name == "__init__":
        return f"{described.name}()"
    return f"{described.name}.{member.name}"


def whole_page(page: str) -> str:
    """Return the page with its generated part made anew.

    Raises:
        ValueError: The mark is not in it once.
    """
    return with_generated_part(page, MARK, generated())


def main() -> int:
    """Write or compare the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the page is stale")
    options = parser.parse_args()
    fresh = whole_page(PAGE.read_text(encoding="utf-8"))
    return write_or_compare(PAGE, fresh, only_compare=options.check)


if __name__ == "__main__":
    sys.exit(main())
