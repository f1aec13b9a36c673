"""``@grps.model``: a function or a class becomes a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar, overload

from grps.errors import ConfigError
from grps.inference.app.declaration import declare, line_of
from grps.inference.app.inferers import inferer_of
from grps.inference.registry import inferer_register

Target = TypeVar("Target", bound=Callable[..., Any])
_places: ContextVar[dict[str, str] | None] = ContextVar("_places", default=None)
"""Where the models of the file that is being imported are, by the names of their functions."""


@overload
def model(target: Target, /) -> Target: ...


@overload
def model(
    *,
    name: str | None = None,
    version: str = "1.0.0",
    device: str | None = None,
    converter: str | None = None,
    converter_path: str | None = None,
    converter_args: Mapping[str, Any] | None = None,
    max_batch_size: int | None = None,
    batch_timeout_us: int | None = None,
    instances: int | None = None,
    isolation: Literal["thread", "process"] = "thread",
) -> Callable[[Target], Target]: ...


def model(target: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function or a class a model, which ``grpst serve FILE.py`` puts online.

    It can still be called as before. A class has ``infer`` or ``__call__``; each instance is an
    object of its own, made once, whose ``load(self, device)`` is called if there is one. One
    thread at a time calls an object. A function is called by many threads at once unless
    ``instances`` or ``max_batch_size`` is given.

    The annotations of the parameters decide how requests are converted: ``np.ndarray`` (also
    ``npt.NDArray[np.float32]`` or ``Annotated[np.ndarray, "float32[?, 2]"]``) takes tensors by
    name, ``str`` text, ``bytes`` a file, ``dict`` and ``list`` JSON, numbers JSON too,
    ``GrpsContext`` the context and ``GrpsMessage`` the request as it is. Returned are an array
    (``output``), a dict of arrays, text, bytes, or what JSON has; a generator streams.

    Args:
        target: The function or class.
        name: Name of the model; that of the function or class when ``None``.
        options: More, by keyword. ``version``: version of the model, ``1.0.0`` if not given.
            ``device``: where it is loaded, such as ``cuda:0``. ``converter``,
            ``converter_path``, ``converter_args``: a built-in converter that makes the arrays
            of files or text, and what it needs. ``max_batch_size``: most requests that run
            together; arrays are joined along their first dimension, and other parameters are
            annotated as ``list`` with one item for each request. ``batch_timeout_us``: longest
            wait for a batch, with ``wait: always``. ``instances``: objects, or threads of a
            function. ``isolation``: ``process`` gives each instance a process of its own.

    Raises:
        ConfigError: The function can't be a model; the text says why.
    """
    if target is None:
        return lambda given: _register(given, name, options)
    return _register(target, name, options)


@contextmanager
def names_once() -> Iterator[None]:
    """Refuse, inside, a second function or class of a name; elsewhere it replaces the first."""
    token = _places.set({})
    try:
        yield
    finally:
        _places.reset(token)


def _register(target: Any, name: str | None, options: Mapping[str, Any]) -> Any:
    """Register a function or a class and return it."""
    where = _place(target)
    try:
        declared = declare(target, name, options)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    places = _places.get()
    if places is not None:
        earlier = places.setdefault(target.__name__, where)
        if earlier != where:
            raise ConfigError(
                f"{where}: {target.__name__} would replace the model of this name at {earlier}; "
                "give one of them another name"
            )
    inferer_register.register(target.__name__, inferer_of(declared))
    return target


def _place(target: Any) -> str:
    try:
        return f"{inspect.getsourcefile(target)}:{line_of(target)}"
    except TypeError:
        return getattr(target, "__name__", type(target).__name__)
