"""The section ``capture`` of ``server.yml``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from grps.config.parts.section import Name, Section

SECRET_HEADER_PARTS = (
    *("auth", "cookie", "token", "secret", "passw", "key", "credential", "session"),
    *("signature", "jwt", "cert", "csrf"),
)
"""Parts of the names of headers that may have a secret."""


class CaptureConfig(Section, frozen=True, kw_only=True):
    """Which requests are recorded with their replies, to be sent again."""

    enabled: bool = False
    """Record from the start of the service on; otherwise operators start it."""
    models: tuple[Name, ...] = ()
    """Models by name or ``name-version``, and graphs; all when empty."""
    sample_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """Share of the requests that is recorded."""
    max_bytes: Annotated[int, msgspec.Meta(ge=64 * 1024)] = 256 * 1024 * 1024
    """Most bytes of all files; the oldest records are removed for later ones."""
    max_record_bytes: Annotated[int, msgspec.Meta(ge=1, le=32 * 1024 * 1024)] = 4 * 1024 * 1024
    """Most bytes of a request and its reply; larger ones are not recorded."""
    directory: str = "./capture"
    """The folder of the files, relative to the service's folder."""
    headers: tuple[Name, ...] = ()
    """Headers that are recorded besides ``content-type`` and ``user-agent``; none of secrets."""
