"""URIs of models: their parts, and what is refused in them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from grps.config.secret_text import mask_text
from grps.errors import SourceError

SCHEMES = ("s3", "gs", "az", "https", "http", "hf", "oci", "mlflow")
_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>//)?(?P<rest>.*)", re.DOTALL)
_DIGEST = re.compile(r"sha256=(?P<hex>[0-9a-f]{64})")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class SourceUri:
    """The URI of a model, checked."""

    scheme: str
    rest: str
    """What is behind the scheme and its slashes, without the digest."""
    sha256: str | None = None
    """The digest that the file must have."""

    @classmethod
    def parse(cls, text: str) -> SourceUri:
        """Read a URI.

        Raises:
            SourceError: It has a scheme that is not served, is no URI, or has a secret in it.
        """
        found = _URI.fullmatch(text)
        scheme = found["scheme"].lower() if found is not None else ""
        shown = mask_text(text[:_LONGEST])
        if found is None or scheme not in SCHEMES:
            known = ", ".join(f"{one}:" for one in SCHEMES)
            raise SourceError(f"{shown}: no URI of a model; its scheme is one of {known}")
        if len(text) > _LONGEST or _CONTROL.search(text):
            raise SourceError(
                f"{shown!r}: a URI has at most {_LONGEST} characters and no spaces; write %20"
            )
        if bool(found["slashes"]) == (scheme == "mlflow"):
            right = "mlflow:models:/NAME/VERSION" if scheme == "mlflow" else f"{scheme}://"
            raise SourceError(f"{shown}: write {right}")
        if shown != text or _has_user(scheme, found["rest"]):
            raise SourceError(
                f"{shown}: a URI is kept in files and logs, so it must have no credentials; give "
                "them by the environment or ~/.netrc (docs/guides/model-sources.md)"
            )
        rest, mark, fragment = found["rest"].partition("#")
        digest = _DIGEST.fullmatch(fragment)
        if mark and digest is None:
            raise SourceError(
                f"{shown}: only #sha256= and 64 lower-case hexadecimal digits may follow #"
            )
        return cls(scheme, rest, None if digest is None else digest["hex"])

    @property
    def text(self) -> str:
        """The URI without its digest."""
        return f"{self.scheme}:{'' if self.scheme == 'mlflow' else '//'}{self.rest}"

    @property
    def key(self) -> str:
        """What the cache calls it."""
        mark = f"#{self.sha256}" if self.sha256 else ""
        return hashlib.sha256(f"{self.text}{mark}".encode()).hexdigest()

    @property
    def path(self) -> str:
        """What is behind the host, without the query."""
        return self.rest.partition("?")[0].partition("/")[2]

    @property
    def host(self) -> str:
        """The host, bucket, container or organisation."""
        return self.rest.partition("?")[0].partition("/")[0]

    def __str__(self) -> str:
        return self.text


def is_uri(path: str | Path | None) -> bool:
    """Return whether a path of a model is a URI: it starts with a scheme that is served.

    A URI of another scheme is one too if it has ``://``, so that it is refused as a URI.
    """
    found = _URI.match(str(path or ""))
    if found is None:
        return False
    if found["slashes"] is not None:
        return True
    return found["scheme"].lower() == "mlflow"


def last_name(path: str, otherwise: str) -> str:
    """Return the last part of a path as the name of a file, ``otherwise`` where there is none."""
    name = unquote(path.rstrip("/").rpartition("/")[2])
    name = re.sub(r"[^A-Za-z0-9._+@=-]+", "_", name)[:128]
    return name if name.strip(".") else otherwise


def _has_user(scheme: str, rest: str) -> bool:
    """Return whether there is a user before the host, which only revisions and tags may have."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return scheme not in ("mlflow", "oci") and "@" in authority
