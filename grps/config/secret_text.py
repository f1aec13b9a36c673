"""Leaving secrets out of one text: URLs, assignments, headers, keys of known forms."""

from __future__ import annotations

import re

from grps.config.secret_names import is_secret_name

MASK = "***"

_URL = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>[^\s\"'<>`]+)")
_AUTHORITY = re.compile(r"[^/?#]*")
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):[0-9]*")
_PARAMETER = re.compile(r"(?P<before>[?&;#])(?P<name>[^=&;#\s?\"']+)=(?P<value>[^&#\s\"']*)")
_SIGNED = frozenset(
    ("sig", "signature", "key", "code", "x-amz-signature", "x-amz-credential", "x-goog-signature")
)
"""Parameters of URLs that are secrets there only."""
_NAMED = re.compile(
    r"""(?P<name>(?<![\w.-])-{0,2}[A-Za-z][\w.-]{0,127})
        (?P<between>["']?\s*(?:=>|:=|=|(?P<colon>:))\s*|["']?,\s*(?=["'])|[ \t]+)
        (?P<value>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?(colon)[^\n,"'}\]]+|[^\s,;&"'}\])]+))""",
    re.VERBOSE,
)
_SCHEME = re.compile(
    r"\b(?P<scheme>Bearer|Basic|Digest|Token|ApiKey|SharedKey|AWS4-HMAC-SHA256)\s+"
    r"(?P<value>[\w.~+/=:-]{6,})",
    re.IGNORECASE,
)
_FORMS = re.compile(
    r"""
    -----BEGIN[ ][A-Z0-9 ]*PRIVATE[ ]KEY-----(?:.*?-----END[ ][A-Z0-9 ]*PRIVATE[ ]KEY-----|.*)
    | \b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{16,} | \bgithub_pat_\w{16,} | \bglpat-[\w-]{16,}
    | \bsk-(?:proj|ant|or|svcacct|admin)-[\w-]{16,} | \bsk-[A-Za-z0-9]{20,}
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}
    | \bhf_[A-Za-z0-9]{16,} | \bnpm_[A-Za-z0-9]{20,} | \bpypi-[\w-]{16,} | \bdop_v1_[a-f0-9]{32,}
    | \bxox[abeoprs]-[\w-]{10,} | \bAIza[\w-]{30,} | \bya29\.[\w-]{16,} | \bSG\.[\w-]{16,}\.[\w-]+
    | \beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){1,3}
    | (?<=hooks\.slack\.com/services/)[\w/-]+ | (?<=/api/webhooks/)[\w/-]+
    """,
    re.VERBOSE | re.DOTALL,
)


def mask_text(text: str) -> str:
    """Return a text in which secrets are replaced by ``***``.

    It finds passwords and tokens in URLs, values of names such as ``password`` (``a=b``, ``a: b``,
    ``--a b``), headers of authorization, and keys of well-known services by their form.
    """
    text = _FORMS.sub(MASK, text)
    text = _URL.sub(lambda found: found["scheme"] + _mask_url(found["rest"]), text)
    text = _SCHEME.sub(lambda found: f"{found['scheme']} {MASK}", text)
    return _mask_named(text)


def mask_command(words: list[str]) -> str:
    """Return a command line as text, without the secrets in its words."""
    return " ".join(map(mask_text, mask_flags(words)))


def mask_flags(words: list[str]) -> list[str]:
    """Return words in which the one after ``--password`` and its like is replaced."""
    shown = list(words)
    for at, word in enumerate(words[:-1]):
        if word.startswith("-") and is_secret_name(word.lstrip("-")):
            shown[at + 1] = MASK
    return shown


def _mask_named(text: str) -> str:
    """Mask the values of names that stand for secrets."""
    parts, at = [], 0
    while (found := _NAMED.search(text, at)) is not None:
        name = found["name"]
        assigns = not found["between"].isspace() or name.startswith("-")
        if assigns and is_secret_name(name.lstrip("-")):
            parts += [text[at : found.start("value")], _masked(found["value"])]
            at = found.end()
        else:
            # The next name may be the value of this one: "args --password x".
            parts.append(text[at : found.end("name")])
            at = found.end("name")
    return "".join([*parts, text[at:]])


def _masked(value: str) -> str:
    if value.lower() in ("", '""', "''", "null", "none", "true", "false", "bearer", "basic"):
        return value
    quote = value[0] if value[0] in "\"'" and value[-1] == value[0] else ""
    return f"{quote}{MASK}{quote}"


def _mask_url(rest: str) -> str:
    """Mask what comes after the scheme: a user with a password, and parameters."""
    return _PARAMETER.sub(_mask_parameter, _mask_user(rest))


def _mask_user(rest: str) -> str:
    authority = _AUTHORITY.match(rest)
    end = authority.end() if authority is not None else 0
    at = rest.rfind("@", 0, end)
    if at < 0 and ":" in rest[:end] and not _PORT.fullmatch(rest[:end]):
        # A password with a slash or a question mark that is not escaped.
        at = rest.rfind("@")
    if at < 0:
        return rest
    user, colon, _ = rest[:at].partition(":")
    if not colon:
        return rest if len(user) <= len("anonymous") else f"{MASK}{rest[at:]}"
    return f"{user}:{MASK}{rest[at:]}"


def _mask_parameter(found: re.Match[str]) -> str:
    name = found["name"]
    if not found["value"] or not (is_secret_name(name) or name.lower() in _SIGNED):
        return found[0]
    return f"{found['before']}{name}={MASK}"
