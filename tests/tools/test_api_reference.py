"""The reference of the Python API is complete and up to date."""

from __future__ import annotations

import re

import pytest

import grps
import grps.client
from tools import api_reference
from tools.api_reference import GROUPS, PAGE, describe, whole_page

CONTRACTS = {"ModelInferer": "Inferer", "Converter": "Converter"}
"""Classes whose methods are described once, and how the names of their bases end."""
CLASSES = [names for group in GROUPS.values() for names in group]


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert whole_page(page) == page, "run: make generate"


def test_every_public_name_is_described() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in (*grps.__all__, *grps.client.__all__):
        assert f"### {name}\n" in page or f"`{name}`" in page, name


def test_what_python_has_is_what_the_page_has() -> None:
    """The sources are read, so a method that is made elsewhere would be missed."""
    for name, _, _ in CLASSES:
        if name.startswith(("Torch", "Tf", "Trt", "Onnx")) or "." in name:
            continue
        value = getattr(grps, name, None) or getattr(grps.client, name)
        kind = value if isinstance(value, type) else type(value)
        described = {member.name for member in describe(*_entry(name)).members}
        members = vars(kind).items()
        public = {key: member for key, member in members if key[0] != "_" and callable(member)}
        hidden = {
            key for key in public if str(public[key].__doc__).startswith(api_reference.INTERNAL)
        }
        assert set(public) - hidden <= described, name


def _entry(name: str) -> tuple[str, str, str]:
    return next(entry for entry in CLASSES if entry[0] == name)


@pytest.mark.parametrize("entry", CLASSES, ids=lambda entry: str(entry[0]))
def test_every_argument_is_described(entry: tuple[str, str, str]) -> None:
    described = describe(*entry)
    assert described.text
    inherited = {
        member.name
        for contract, end in CONTRACTS.items()
        if any(base.endswith(end) for base in described.bases)
        for member in describe(*_entry(contract)).members
    }
    for member in described.members:
        assert member.text, f"{entry[0]}.{member.name}"
        if entry[0] not in CONTRACTS and member.name in inherited:
            continue
        for argument in member.arguments:
            told = rf"``{argument}``|^ *{argument}: "
            assert re.search(told, member.text, re.MULTILINE), (member.name, argument)


def test_docstrings_become_markdown() -> None:
    text = """Do ``it``.

    Args:
        one: The first,
            in two lines.

    Returns:
        A number.
    """
    assert list(api_reference.to_markdown(text)) == [
        "Do `it`.",
        "",
        "Arguments:",
        "",
        "- `one`: The first,",
        "  in two lines.",
        "",
        "Returns:",
        "",
        "A number.",
    ]


def test_methods_of_a_base_that_is_not_described_are_those_of_its_class() -> None:
    described = describe(*_entry("OnnxModelInferer"))
    assert [member.name for member in described.members] == ["init", "load", "infer", "batch_infer"]
    # A class of the page has them itself.
    torch = describe(*_entry("TorchModelInferer"))
    assert len({member.name for member in torch.members}) == len(torch.members)
    assert "load" not in {member.name for member in describe(*_entry("TfTensorConverter")).members}
