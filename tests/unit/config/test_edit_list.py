"""Entries added to a list of a configuration text."""

from __future__ import annotations

import pytest
import yaml

from grps.config.edit import Value, with_list_entry
from grps.errors import ConfigError

ENTRY: dict[str, Value] = {"name": "b", "scopes": ("x", "y"), "rate": 2.5}
FLOW = "{name: b, scopes: [x, y], rate: 2.5}"


def block(column: int) -> str:
    margin = "\n" + " " * (column + 2)
    return " " * column + margin.join(["- name: b", "scopes: [x, y]", "rate: 2.5"])


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", f"keys:\n{block(2)}\n"),
        ("# c\n", f"# c\nkeys:\n{block(2)}\n"),
        ("keys: # c\n", f"keys: [{FLOW}] # c\n"),
        ("keys: []\n", f"keys: [{FLOW}]\n"),
        ("keys: [{name: a}] # c\n", f"keys: [{{name: a}}, {FLOW}] # c\n"),
        ("keys:\n- name: a # c\n", f"keys:\n- name: a # c\n{block(0)}\n"),
        ("keys:\n- name: a", f"keys:\n- name: a\n{block(0)}"),
        ("keys:\n  - {name: a}\n# c\n", f"keys:\n  - {{name: a}}\n{block(2)}\n# c\n"),
        (
            "keys:\n  - name: a\n    s:\n    - x # c\n\nother: 1\n",
            f"keys:\n  - name: a\n    s:\n    - x # c\n{block(2)}\n\nother: 1\n",
        ),
        ("other: 1 # c\n", f"other: 1 # c\nkeys:\n{block(2)}\n"),
        ("{other: 1}", f"{{other: 1, keys: [{FLOW}]}}"),
        ("{}", f"{{keys: [{FLOW}]}}"),
    ],
)
def test_the_rest_of_the_text_stays(text: str, edited: str) -> None:
    assert with_list_entry(text, "f", ("keys",), ENTRY) == edited


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("a: 1\n", f"a: 1\nauth:\n  keys:\n{block(4)}\n"),
        ("auth: # c\na: 1\n", f"auth: {{keys: [{FLOW}]}} # c\na: 1\n"),
        ("auth:\n  file: k # c\na: 1\n", f"auth:\n  file: k # c\n  keys:\n{block(4)}\na: 1\n"),
        ("auth: {file: k}\n", f"auth: {{file: k, keys: [{FLOW}]}}\n"),
        ("auth:\n  keys:\n  - name: a\n", f"auth:\n  keys:\n  - name: a\n{block(2)}\n"),
    ],
)
def test_lists_in_sections(text: str, edited: str) -> None:
    assert with_list_entry(text, "f", ("auth", "keys"), ENTRY) == edited


@pytest.mark.parametrize(
    "text",
    [
        "x: &k [{name: a}]\nkeys: *k\n",
        "keys:\n- name: |\n    a\n",
        "keys:\n- name: >-\n    a\n\n    b\nother: 1\n",
        "---\nother: 1\n...\n",
        "? keys\n: - name: a\n",
    ],
)
def test_rare_forms_keep_their_values(text: str) -> None:
    wanted = yaml.safe_load(text)
    wanted["keys"] = [*wanted.get("keys", []), {**ENTRY, "scopes": ["x", "y"]}]
    assert yaml.safe_load(with_list_entry(text, "f", ("keys",), ENTRY)) == wanted


@pytest.mark.parametrize("value", ["1", "true", "1e5", "1_0", "0x1", "a: b", "~", "-a", "a.b"])
def test_texts_stay_texts(value: str) -> None:
    edited = with_list_entry("", "f", ("keys",), {"name": value})
    assert yaml.safe_load(edited) == {"keys": [{"name": value}]}


@pytest.mark.parametrize(
    "text", ["- a\n", "3\n", "auth: 3\n", "auth: {keys: 3}\n", "auth: {keys: {}}\n", "auth: [\n"]
)
def test_what_has_no_such_list_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f"):
        with_list_entry(text, "f", ("auth", "keys"), ENTRY)
