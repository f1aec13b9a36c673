"""Leaving secrets out of one text: URLs, assignments, headers, keys of known forms."""

from __future__ import annotations

import re
from urllib.parse import unquote

from grps.config.secret_names import is_free_license, is_plain_key, is_secret_name

MASK = "***"

_URL = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>[^\s\"'<>`]+)")
_AUTHORITY = re.compile(r"[^/?#]*")
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):[0-9]*")
_PARAMETER = re.compile(r"(?P<before>[?&;#])(?P<name>[^=&;#\s?\"']+)=(?P<value>[^&#\s\"']*)")
_SIGNED = frozenset(
    ("sig", "signature", "key", "code", "x-amz-signature", "x-amz-credential", "x-goog-signature")
)
"""Parameters of URLs that are secrets there only."""
_USERS_ONLY = re.compile(
    r"ssh|sftp|scp|ftps?|git|git\+ssh|svn\+ssh|rsync|smb|nfs|(web)?hdfs|postgres(ql)?|mysql"
    r"|abfss?|wasbs?|s3a?|gs"
)
"""Schemes of URLs in which a user without a password is common, and is no token."""
_PLAIN_USER = re.compile(r"[A-Za-z._-]{1,24}")
_KNOWN_USERS = frozenset(("git", "anonymous", "user", "guest", "me"))
CODED = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[^\s]{6,}")
"""What has the form of a key rather than of a word."""
_NAMED = re.compile(
    r"""(?P<name>(?<![\w.-])-{0,2}_?[^\W\d_][\w.-]{0,127})
        (?P<between>\\*["']?\s*(?:=>|->|:=|=|%3D|(?P<colon>:))\s*|["']?,\s*(?=["'])|[ \t]+)
        (?P<value>\\+"(?:[^"\\\n]|\\[^"])*\\+"|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?(colon)[^\n,"'}\]]+|[^\s,;&"'}\])]+))""",
    re.VERBOSE,
)
_SCHEME = re.compile(
    r"\b(?P<scheme>Bearer|Basic|Digest|Token|ApiKey|SharedKey|AWS4-HMAC-SHA256)\s+"
    r"(?P<value>[\w.~+/=:-]{6,})",
    re.IGNORECASE,
)
_FORMS = re.compile(
    r"""
    -----BEGIN[ ][A-Z0-9 ]*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      (?:.*?-----END[ ][A-Z0-9 ]*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|.*)
    | \b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{16,} | \bgithub_pat_\w{16,} | \bglpat-[\w-]{16,}
    | \bsk-(?:proj|ant|or|svcacct|admin)-[\w-]{16,} | \bsk-[A-Za-z0-9]{20,}
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}
    | \bhf_[A-Za-z0-9]{16,} | \bnpm_[A-Za-z0-9]{20,} | \bpypi-[\w-]{16,} | \bdop_v1_[a-f0-9]{32,}
    | \bxox[abeoprs]-[\w-]{10,} | \bAIza[\w-]{30,} | \bya29\.[\w-]{16,} | \bSG\.[\w-]{16,}\.[\w-]+
    | \beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){1,3}
    | \b(?:gsk|r8|tgp_v1|fw|jina|pcsk|whsec|dckr_pat|sntrys|lin_api|ntn|glsa|PMAK)[_-][\w-]{20,}
    | \b(?:nvapi|pplx|xai|csk|glrt|gldt|glptt|xapp|GOCSPX|key|ATATT3xFf\w*)-[\w=-]{20,}
    | \bshp(?:at|ca|pa|ss)_[A-Za-z0-9]{20,} | \bhv[sbr]\.[\w-]{16,} | \bdapi[a-f0-9]{32}\b
    | \b(?:LTAI|AKID|AKLT|AKTP)[A-Za-z0-9]{12,} | \bAGE-SECRET-KEY-1[A-Za-z0-9]{20,}
    | \$(?:apr1|1|2[abxy]?|5|6|7|y|argon2\w*|scrypt|pbkdf2[\w-]*)\$[\w./$=,+-]{12,}
    | (?<![0-9])[0-9]{6,12}:[\w-]{24,}
    | (?<![\w/+.-])(?=[A-Za-z0-9/+]*[0-9])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[a-z])
      [A-Za-z0-9+][A-Za-z0-9/+]{39}(?![\w/+=.-])
    | (?<=/bot/v2/hook/)[\w-]+ | (?<=webhook\.office\.com/)\S+
    | (?<=hooks\.slack\.com/services/)[\w/-]+ | (?<=/api/webhooks/)[\w/-]+
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIR = r"[^\s:/@'\"]+:(?P<value>[^\s:/@'\"]+)"
_PLACES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # me:password@host without a scheme, and Oracle's me/password@host
        rf"(?<![\w:/])(?!mailto:)(?://)?{_PAIR}@[\w.\[-]",
        r"\bthin:[^\s:/@]+/(?P<value>[^\s@]+)@",
        # curl -u me:password and the flags of other well-known tools
        rf"(?<!\S)(?:-u|-U|--user|--proxy-user|--userpwd)[ =]?[\"']?{_PAIR}",
        r"\b(?:mysql\w*|mariadb|mongo\w*|sshpass|(?:docker|podman|registry)\s+login)\b.*?(?<=\s)"
        r"-p\s*(?P<value>[^\s]+)",
        r"\bzip\b.*?(?<=\s)(?-i:-P)\s*(?P<value>[^\s]+)",
        r"\bopenssl\b.*?(?<=\s)-k\s+(?P<value>[^\s]+)",
        r"\bredis-cli\b.*?(?<=\s)-a\s*(?P<value>[^\s]+)",
        r"\blogin\s+\S+\s+password\s+(?P<value>\S+)",  # .netrc
        r"(?<!\S)[\w$#]+/(?P<value>[^\s@/]+)@(?://)?[\w.-]+:[0-9]",
        r"\bSharedAccessSignature\s+(?P<value>\S+)",
        r"\b(?:identified\s+by|password)\s+'(?P<value>[^']+)'",
        r"\b(?:password|passphrase|api key)\s+is\s+(?P<value>\S+)",
    )
)
"""Where secrets are without a name."""
_ELEMENT = re.compile(r"<(?P<name>[\w:.-]+)(?:\s[^<>]*)?>(?P<value>[^<>]+)</")


def mask_text(text: str) -> str:
    """Return a text in which secrets are replaced by ``***``.

    It finds passwords and tokens in URLs, values of names such as ``password`` (``a=b``, ``a: b``,
    ``--a b``), headers of authorization, and keys of well-known services by their form.
    """
    text = _FORMS.sub(MASK, text)
    text = _URL.sub(lambda found: found["scheme"] + _mask_url(found["scheme"], found["rest"]), text)
    for place in _PLACES:
        text = place.sub(_mask_value, text)
    text = _ELEMENT.sub(_mask_element, text)
    text = _SCHEME.sub(lambda found: f"{found['scheme']} {MASK}", text)
    return _mask_named(text)


def mask_command(words: list[str]) -> str:
    """Return a command line as text, without the secrets in its words."""
    return " ".join(map(mask_text, mask_flags(words)))


def mask_flags(words: list[str]) -> list[str]:
    """Return words in which the one after ``--password`` and its like is replaced."""
    shown = list(words)
    line = " ".join(words)
    for place in _PLACES:
        for found in place.finditer(line):
            value = found["value"]
            shown = [word.replace(value, MASK) if value in word else word for word in shown]
    for at, word in enumerate(words[:-1]):
        if word.startswith("-") and "=" not in word and is_secret_name(word.lstrip("-")):
            shown[at + 1] = MASK
    return shown


def _mask_named(text: str) -> str:
    """Mask the values of names that stand for secrets."""
    parts, at = [], 0
    while (found := _NAMED.search(text, at)) is not None:
        name = found["name"]
        assigns = not found["between"].isspace() or name.startswith("-")
        if assigns and _is_secret(name.lstrip("-"), found["value"]):
            parts += [text[at : found.start("value")], _masked(found["value"])]
            at = found.end()
        else:
            # The next name may be the value of this one: "args --password x".
            parts.append(text[at : found.end("name")])
            at = found.end("name")
    return "".join([*parts, text[at:]])


def _is_secret(name: str, value: str) -> bool:
    if is_plain_key(name):
        return CODED.fullmatch(value) is not None
    return is_secret_name(name) and not is_free_license(name, value)


def _mask_value(found: re.Match[str]) -> str:
    begin, end = found.start("value") - found.start(), found.end("value") - found.start()
    return f"{found[0][:begin]}{MASK}{found[0][end:]}"


def _mask_element(found: re.Match[str]) -> str:
    return _mask_value(found) if is_secret_name(found["name"]) else found[0]


def _masked(value: str) -> str:
    if value.lower() in ("", '""', "''", "null", "none", "true", "false", "bearer", "basic"):
        return value
    if value.startswith("\\"):
        quoting = value[: value.index('"') + 1]
        return f"{quoting}{MASK}{quoting}"
    quote = value[0] if value[0] in "\"'" and value[-1] == value[0] else ""
    return f"{quote}{MASK}{quote}"


def _mask_url(scheme: str, rest: str) -> str:
    """Mask what comes after the scheme: a user with a password, and parameters."""
    return _PARAMETER.sub(_mask_parameter, _mask_user(scheme.removesuffix("://").lower(), rest))


def _mask_user(scheme: str, rest: str) -> str:
    authority = _AUTHORITY.match(rest)
    end = authority.end() if authority is not None else 0
    at = rest.rfind("@", 0, end)
    if at < 0 and ":" in rest[:end] and not _PORT.fullmatch(rest[:end]):
        # A password with a slash or a question mark that is not escaped.
        at = rest.rfind("@")
    if at < 0:
        return rest
    user, _, password = rest[:at].partition(":")
    if password:
        return f"{user}:{MASK}{rest[at:]}"
    common = _USERS_ONLY.fullmatch(scheme) and _PLAIN_USER.fullmatch(user)
    return rest if user in _KNOWN_USERS or common else f"{MASK}{rest[at:]}"


def _mask_parameter(found: re.Match[str]) -> str:
    name = unquote(found["name"])
    if not found["value"] or not (is_secret_name(name) or name.lower() in _SIGNED):
        return found[0]
    return f"{found['before']}{found['name']}={MASK}"
