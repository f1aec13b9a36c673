"""The inferer of ``inferer_type: identity`` where it runs in Python: by a converter, in tests."""

from __future__ import annotations

from typing import Any

from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer


class IdentityInferer(ModelInferer):
    """Returns its input."""

    def init(self, path: Any, device: Any = None, args: Any = None) -> None:
        """Nothing is configured."""

    def load(self) -> bool:
        """Nothing is loaded."""
        return True

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Return the input; a client that requested a stream gets it as the only chunk."""
        if context.if_streaming() and context.converter is None:
            context.stream_respond(inp)
        return inp
