"""Leaving secrets out of configuration that is shown."""

from __future__ import annotations

import re

HIDDEN = "'***'"

_SECRET = re.compile(
    r"""(?P<key>
        (?<![\w.-])["']?
        (?:[\w.-]*[_.-])?
        (?:password|passwd|pwd|secret|token|credentials?|api_?key|access_?key|private_?key|secret_?key)
        ["']?\s*:[ \t]+
    )
    (?P<value>"[^"\n]*"|'[^'\n]*'|[^\s,}\]\#'"][^,}\]\#\n]*)""",
    re.VERBOSE | re.IGNORECASE,
)


def hide_secrets(text: str) -> str:
    """Return YAML text with the values of keys like ``password`` and ``api_key`` left out.

    ``max_tokens`` and ``tokenizer`` are no secrets; an empty value stays empty.
    """
    return _SECRET.sub(lambda found: found["key"] + HIDDEN, text)
