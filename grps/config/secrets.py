"""Leaving secrets out of configuration that is shown.

The parsed tree is masked and printed again, so that how a value is written (a block, the next
line, an alias) does not matter. Comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import yaml

from grps.config.secret_names import is_free_license, is_login, is_plain_key, is_secret_name
from grps.config.secret_text import CODED, MASK, mask_flags, mask_text

TEXT_TAG = "tag:yaml.org,2002:str"
KEPT_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:merge")
"""What is no secret under any name: ``use_auth: true``."""
NOT_SHOWN = "# the configuration can't be shown: it is not valid YAML\n"
NAME_KEYS = (
    *("name", "key", "header", "variable", "option", "field", "param", "flag", "k", "id", "title"),
    *("label", "attr", "attribute", "property", "var", "env", "parameter", "setting"),
)
"""Keys whose value may name what the neighbouring ``value`` contains."""
VALUE_KEYS = (
    *("value", "values", "val", "content", "default", "data", "v", "text", "is", "string"),
    *("valuefrom", "payload"),
)
LEAST_CHARS = 6
"""A shorter value is no secret elsewhere: it could be any word or number."""
SHOWN_KEYS = frozenset(("ctrl_key",))
"""Keys of the configuration itself that end with ``key`` and name something."""
LEAST_KEY_CHARS = 4
MOST_NESTED = 3
"""How deep configuration in the texts of configuration is looked into."""
_LOGIN = re.compile(r"(?P<user>[^\s:]+:)(?!//)\S+")
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{16,}")


def hide_secrets(text: str, nested: int = 0) -> str:
    """Return YAML text with the secrets left out, without its comments.

    Secrets are values of keys like ``password`` and ``api-key`` (all values below such a key),
    passwords in URLs, and texts that have the form of a key or a token. ``max_tokens`` and
    ``tokenizer`` are no secrets; an empty value stays empty.

    Args:
        text: YAML, or JSON.
        nested: How many texts it is inside of.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if root is None:
            return ""
        masking = _Masking(nested)
        masking.visit(root)
        masking.hide_repeated(root)
        shown: str = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=1 << 30)
    except (yaml.YAMLError, RecursionError):
        return NOT_SHOWN
    return shown


class _Masking:
    """One walk over a tree; nodes that aliases share are changed for all of them."""

    def __init__(self, nested: int) -> None:
        """Begin with nothing visited."""
        self._nested = nested
        self._visited: set[int] = set()
        self._hidden: set[int] = set()
        self._secrets: set[str] = set()

    def visit(self, node: yaml.Node) -> None:
        """Mask what is secret below a node that itself has no secret name."""
        if id(node) in self._visited:
            return
        self._visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._visit_mapping(node)
        elif isinstance(node, yaml.SequenceNode):
            self._visit_sequence(node)
        elif isinstance(node, yaml.ScalarNode) and node.tag not in KEPT_TAGS:
            shown = self._masked_text(node.value)
            if shown != node.value:
                _replace(node, shown)

    def _masked_text(self, text: str) -> str:
        """Mask what is secret in a text, which may itself be configuration."""
        shown = mask_text(text)
        if self._nested < MOST_NESTED and ("\n" in text or text.lstrip()[:1] in ("{", "[")):
            with suppress(yaml.YAMLError, RecursionError):
                root = yaml.compose(text, yaml.SafeLoader)
                if isinstance(root, (yaml.MappingNode, yaml.SequenceNode)):
                    inside = hide_secrets(text, self._nested + 1)
                    return mask_text(inside) if MASK in inside else shown
        return shown

    def _visit_mapping(self, node: yaml.MappingNode) -> None:
        named = any(
            _text(key).lower() in NAME_KEYS and is_secret_name(_text(value))
            for key, value in node.value
        )
        for key, value in node.value:
            name = _text(key)
            lowered = name.lower()
            pair = any(_text(other).lower() in VALUE_KEYS for other, _ in node.value)
            secret = is_secret_name(name) and not is_free_license(name, _text(value))
            if secret or (named and lowered in VALUE_KEYS):
                self._hide(value)
            elif is_plain_key(name) and not pair:
                self._hide_key(value)
            elif lowered.endswith("key") and not pair and _is_coded(lowered, _text(value)):
                self._hide(value)
            else:
                self._visit_value(name, value)
            self.visit(key)

    def _visit_value(self, name: str, node: yaml.Node) -> None:
        login = _LOGIN.fullmatch(_text(node)) if is_login(name) else None
        if login is not None and isinstance(node, yaml.ScalarNode):
            _replace(node, f"{login['user']}{MASK}")
        self.visit(node)

    def _hide_key(self, node: yaml.Node) -> None:
        """Mask what is called ``key``: a value, or what has the form of a key below it."""
        if isinstance(node, yaml.ScalarNode):
            if len(node.value) >= LEAST_KEY_CHARS:
                self._hide(node)
        else:
            for one in _scalars(node):
                if CODED.fullmatch(one.value):
                    self._hide(one)
            self.visit(node)

    def _visit_sequence(self, node: yaml.SequenceNode) -> None:
        items = node.value
        words = [_text(item) for item in items]
        for item, word, shown in zip(items, words, mask_flags(words), strict=True):
            if shown != word:
                self._hide(item)
        if len(items) == 2 and node.flow_style and is_secret_name(words[0]):
            self._hide(items[1])
        for item in items:
            if isinstance(item, yaml.SequenceNode) and len(item.value) == 2:
                # One of several pairs.
                name, value = item.value
                if is_secret_name(_text(name)):
                    self._hide(value)
            self.visit(item)

    def _hide(self, node: yaml.Node) -> None:
        """Mask all values below a node."""
        if id(node) in self._hidden:
            return
        self._hidden.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if _RANDOM.fullmatch(_text(key)):
                    self._hide(key)
                self._hide(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._hide(item)
        elif isinstance(node, yaml.ScalarNode) and node.tag not in KEPT_TAGS and node.value:
            if len(node.value) >= LEAST_CHARS:
                self._secrets.add(node.value)
            _replace(node, MASK)

    def hide_repeated(self, node: yaml.Node) -> None:
        """Mask the value of a secret under another name, as where an alias was resolved."""
        for one in _scalars(node):
            if one.value in self._secrets:
                _replace(one, MASK)


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield all keys and values of a tree, each once."""
    todo, seen = [node], set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.ScalarNode):
            yield one
        elif isinstance(one, yaml.MappingNode):
            todo += [part for pair in one.value for part in pair]
        elif isinstance(one, yaml.SequenceNode):
            todo += one.value


def _is_coded(name: str, value: str) -> bool:
    """Return whether the value of a name that ends with ``key`` has the form of a key."""
    return name not in SHOWN_KEYS and CODED.fullmatch(value) is not None


def _replace(node: yaml.ScalarNode, text: str) -> None:
    node.value, node.tag, node.style = text, TEXT_TAG, "'"


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
