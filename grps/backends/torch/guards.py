"""Guards of torch.export programs: conditions on the sizes of their inputs, as code.

The program checks them itself. Here they are put into words, and sizes that they allow are found.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

SIZE = re.compile(
    r"(?:L\['(?P<quoted>\w+)'\]|(?P<plain>\w+))(?P<path>(?:\[[^\]]+\]|\.(?!size)\w+)*)"
    r"\.size\(\)\[(?P<axis>\d+)\]"
)
"""A size in the code of a guard."""
_WORDS = (
    (re.compile(r" // (\d+)"), r" divided by \1 (rounded down)"),
    (re.compile(r" // "), " divided by "),
    (re.compile(r" % "), " modulo "),
    (re.compile(r" != "), " is not "),
    (re.compile(r" == "), " equals "),
    (re.compile(r" <= "), " is at most "),
    (re.compile(r" >= "), " is at least "),
    (re.compile(r" < "), " is less than "),
    (re.compile(r" > "), " is more than "),
    (re.compile(r"\*"), " times "),
    (re.compile(r"\(\((-\d+)\) \+ "), r"(\1 + "),
)
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"max": max, "min": min, "abs": abs}
Sizes = Mapping[tuple[str, int], int]
"""Sizes by the name of the input and the dimension."""


def named_sizes(code: str) -> str:
    """Return the code of a guard with ``dimension 0 of x`` for its sizes."""
    text = SIZE.sub(lambda found: f"dimension {found['axis']} of {_name_of(found)}", code)
    while text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1]
    return text.replace("((-1) + ", "(-1 + ")


def in_words(text: str) -> str:
    """Return a guard whose sizes are named, with words for its operators."""
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    return text


def allows(code: str, sizes: Sizes) -> bool:
    """Return whether a guard allows some sizes; true for guards that can't be computed here."""
    try:
        known = SIZE.sub(
            lambda found: str(sizes[(_name_of(found), int(found["axis"]))]),
            code,
        )
        return bool(_value(ast.parse(known, mode="eval").body))
    except ZeroDivisionError:
        return False
    except (KeyError, SyntaxError, TypeError, ValueError):
        return True


def _value(node: ast.AST) -> Any:
    """Compute an expression of whole numbers.

    Raises:
        ValueError: It has something else in it.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
        return _OPERATORS[type(node.ops[0])](_value(node.left), _value(node.comparators[0]))
    if isinstance(node, ast.BoolOp):
        values = [_value(one) for one in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _FUNCTIONS[node.func.id](*(_value(one) for one in node.args))
    raise ValueError(ast.dump(node))


def _name_of(found: re.Match[str]) -> str:
    """Return an input as the program names it: nested ones by all that leads to them."""
    whole = (found["quoted"] or found["plain"]) + found["path"]
    return re.sub(r"\W+", "_", whole).strip("_")
