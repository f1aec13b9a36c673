"""Times the methods of handlers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def timed(func: F) -> F:
    """Return a method that records its duration if ``handler: profile: true`` is configured."""

    @wraps(func)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        context = self.context
        config = {} if context is None else context.model_yaml_config or {}
        handler = config.get("handler")
        if not (isinstance(handler, dict) and handler.get("profile")):
            return func(self, *args, **kwargs)
        began = time.perf_counter()
        result = func(self, *args, **kwargs)
        elapsed_ms = (time.perf_counter() - began) * 1000
        context.metrics.add_time(f"ts_handler_{func.__name__}", elapsed_ms)
        return result

    return run  # type: ignore[return-value]
