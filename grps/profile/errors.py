"""What a profile raises."""

from __future__ import annotations

from grps.errors import GrpsError


class ProfileError(GrpsError):
    """A model can't be profiled; the text says why and what to do."""

    docs = "guides/profile-a-model.md"
