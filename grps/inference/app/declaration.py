"""What a function or a class that is a model takes, and how it is served."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from grps.errors import ConfigError
from grps.inference.app.parameters import Parameter, output_of, parameters_of

Form = Literal["function", "generator", "async", "async_generator"]
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TENSORS, _MESSAGES = "numpy", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of ``@grps.model``."""

    name: str
    version: str = "1.0.0"
    device: str | None = None
    converter: str | None = None
    converter_path: str | None = None
    converter_args: Mapping[str, Any] = field(default_factory=dict)
    max_batch_size: int | None = None
    batch_timeout_us: int | None = None
    instances: int | None = None
    isolation: Literal["thread", "process"] = "thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A function or a class that is a model."""

    target: Callable[..., Any]
    options: Options
    parameters: tuple[Parameter, ...]
    output: Parameter | None
    """What it returns or yields; ``None`` when that is not declared."""
    form: Form
    line: int
    """Where it is in its file."""

    @property
    def is_class(self) -> bool:
        """Whether each instance has an object of its own."""
        return isinstance(self.target, type)

    @property
    def takes_tensors(self) -> bool:
        """Whether requests reach it as arrays, without a message in between."""
        if self.form.startswith("async"):
            return False
        filled = [one.kind for one in self.parameters if one.kind != "context"]
        is_tensors = bool(filled) and set(filled) == {"array"}
        gives_tensors = self.output is None or self.output.kind == "array"
        # Behind a converter, the converter makes the response of what is returned.
        return is_tensors and (gives_tensors or self.options.converter is not None)

    @property
    def takes_lists(self) -> bool:
        """Whether it takes a list with one value for each request of a batch."""
        return not self.takes_tensors and self.options.max_batch_size is not None

    @property
    def converter_type(self) -> str:
        """The ``converter_type`` in front of it."""
        return self.options.converter or (_TENSORS if self.takes_tensors else _MESSAGES)

    @property
    def loads_on_device(self) -> bool:
        """Whether its ``load`` wants to know the device."""
        load = getattr(self.target, "load", None)
        return self.is_class and load is not None and len(inspect.signature(load).parameters) > 1


def declare(target: Any, name: str | None, options: Mapping[str, Any]) -> Declared:
    """Return the description of a function or a class.

    Raises:
        ConfigError: It can't be a model, or an argument is wrong.
    """
    if not callable(target) or not hasattr(target, "__name__"):
        raise ConfigError(f"@grps.model is for a function or a class, not {type(target).__name__}")
    given = _options(target, name, options)
    function = _function_of(target)
    found = Declared(
        target=target,
        options=given,
        parameters=parameters_of(function, is_method=isinstance(target, type)),
        output=output_of(function),
        form=_form_of(function),
        line=line_of(target),
    )
    _check(found)
    return found


def _options(target: Any, name: str | None, given: Mapping[str, Any]) -> Options:
    known = [one for one in Options.__dataclass_fields__ if one != "name"]
    for key in given:
        if key not in known:
            raise ConfigError(
                f"@grps.model has no argument {key!r}; it has: name, {', '.join(known)}"
            )
    named = target.__name__ if name is None else name
    for key, value in (("name", named), ("version", given.get("version", "1.0.0"))):
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise ConfigError(f"{key} {value!r} is not 1 to 128 letters, digits, '.', '_' or '-'")
    for key in ("max_batch_size", "instances"):
        value = given.get(key)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ConfigError(f"{key} {value!r} is not a number from 1 on")
    if given.get("isolation", "thread") not in ("thread", "process"):
        raise ConfigError(f"isolation {given['isolation']!r} is neither 'thread' nor 'process'")
    plain = {key: value for key, value in given.items() if value is not None}
    return Options(name=named, **plain)


def _function_of(target: Any) -> Callable[..., Any]:
    if not isinstance(target, type):
        return target  # type: ignore[no-any-return]
    for name in ("infer", "__call__"):
        found = inspect.getattr_static(target, name, None)
        if inspect.isfunction(found):
            return found
    raise ConfigError(f"class {target.__name__} has no method infer; write: def infer(self, x)")


def _form_of(function: Callable[..., Any]) -> Form:
    if inspect.isasyncgenfunction(function):
        return "async_generator"
    if inspect.iscoroutinefunction(function):
        return "async"
    return "generator" if inspect.isgeneratorfunction(function) else "function"


def _check(declared: Declared) -> None:
    """Check what does not go together.

    Raises:
        ConfigError: The first fault.
    """
    options, is_async = declared.options, declared.form.startswith("async")
    filled = [one for one in declared.parameters if one.kind != "context"]
    if options.max_batch_size is not None:
        _check_batching(declared, filled)
    if options.isolation == "process" and is_async:
        raise ConfigError("async def needs isolation 'thread', where many requests run at once")
    if options.converter is not None:
        if any(one.kind != "array" for one in declared.parameters):
            raise ConfigError(
                f"converter {options.converter!r} makes arrays: annotate every parameter as "
                "np.ndarray"
            )
        if declared.form != "function":
            raise ConfigError(
                f"converter {options.converter!r} needs a function that returns arrays: no "
                "generator and no async def"
            )
    elif options.converter_args or options.converter_path:
        raise ConfigError("converter_args and converter_path need converter")


def _check_batching(declared: Declared, filled: list[Parameter]) -> None:
    if declared.form != "function":
        raise ConfigError(
            "max_batch_size needs a plain function: async def runs many requests at once by "
            "itself, and a generator answers one request"
        )
    if len(filled) < len(declared.parameters):
        raise ConfigError("with max_batch_size there is no GrpsContext: a batch has several")
    if not filled:
        raise ConfigError("max_batch_size needs a parameter")
    if not declared.takes_tensors and not all(one.in_list for one in filled):
        one = next(one for one in filled if not one.in_list)
        kind = getattr(one.type, "__name__", one.kind)
        raise ConfigError(
            f"with max_batch_size, {one.name!r} has one value for each request: annotate it as "
            f"list[{kind}], and return a list with one answer for each"
        )


def line_of(target: Any) -> int:
    """Return the line of a function or a class in its file; 1 when that is not known."""
    code = getattr(target, "__code__", None)
    if code is not None:
        return int(code.co_firstlineno)
    try:
        return inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return 1
