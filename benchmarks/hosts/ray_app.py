"""What Ray Serve serves in the comparison: a front whose model is a deployment on another node."""

from __future__ import annotations

from typing import Any

from ray import serve


@serve.deployment(max_ongoing_requests=256, ray_actor_options={"resources": {"model": 1}})
class Model:
    """Returns what it gets."""

    async def __call__(self, content: Any) -> Any:
        """Answer a call of the front."""
        return content


@serve.deployment(max_ongoing_requests=256, ray_actor_options={"resources": {"front": 1}})
class Front:
    """Passes requests to the model."""

    def __init__(self, model: Any) -> None:
        """Call this model."""
        self._model = model

    async def __call__(self, request: Any) -> Any:
        """Answer a request over HTTP."""
        return await self._model.remote(await request.json())


app: Any = Front.bind(Model.bind())  # type: ignore[attr-defined]
