"""Class names, classes of modules, and errors of handlers."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from warnings import warn

import yaml

F = TypeVar("F", bound=Callable[..., Any])


class PredictionException(Exception):
    """Fails a request with a message and a status of the handler's choice."""

    def __init__(self, message: str, error_code: int = 500) -> None:
        """Fail a request."""
        self.message = message
        self.error_code = error_code
        super().__init__(message)

    def __str__(self) -> str:
        """Return the message with the status."""
        return f"{self.message} : {self.error_code}"


def list_classes_from_module(
    module: ModuleType, parent_class: type | None = None
) -> list[type[Any]]:
    """Return the classes that a module defines, not those that it imports."""
    found = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    own = [one for one in found if one.__module__ == module.__name__]
    return [one for one in own if parent_class is None or issubclass(one, parent_class)]


def load_label_mapping(mapping_file_path: str) -> dict[str, str] | None:
    """Return the names of classes by their numbers; ``None`` without the file.

    Raises:
        ValueError: The file does not map each number to a name.
    """
    path = Path(mapping_file_path)
    if not path.is_file():
        return None
    mapping = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(mapping, dict):
        raise ValueError('index->name JSON mapping should be in "class": "label" format.')
    names = mapping.get("object_type_names")
    if isinstance(names, list):
        return {str(number): name for number, name in enumerate(names)}
    labels = {
        key: value[-1] if isinstance(value, list) else value for key, value in mapping.items()
    }
    if not all(isinstance(label, str) for label in labels.values()):
        raise ValueError("labels in index->name mapping must be either str or List[str]")
    return labels


def map_class_to_label(
    probs: list[Any],
    mapping: dict[str, str] | None = None,
    lbl_classes: Sequence[Sequence[int]] | None = None,
) -> list[dict[str, Any]]:
    """Return the scores of each row by the names of the classes."""
    if not isinstance(probs, list):
        raise TypeError("Convert classes to list before doing mapping")
    if mapping is not None and not isinstance(mapping, dict):
        raise TypeError("Mapping must be a dict")
    rows = itertools.repeat(range(len(probs[0]))) if lbl_classes is None else lbl_classes
    return [
        {
            str(number) if mapping is None else mapping[str(number)]: score
            for number, score in zip(classes, scores, strict=False)
        }
        for classes, scores in zip(rows, probs, strict=False)
    ]


def get_yaml_config(yaml_file_path: str) -> dict[str, Any]:
    """Return what a YAML file says."""
    read: dict[str, Any] = yaml.safe_load(Path(yaml_file_path).read_text(encoding="utf-8"))
    return read


def deprecated(
    version: float,
    replacement: str = "",
    klass: type[Warning] = PendingDeprecationWarning,
) -> Callable[[F], F]:
    """Return a decorator that warns of the use of a function."""

    def decorate(function: Any) -> Any:
        @wraps(function)
        def warned(*args: Any, **kwargs: Any) -> Any:
            text = f"{function.__name__} is deprecated in {version} and moved to {replacement}"
            warn(text, klass, stacklevel=2)
            return function(*args, **kwargs)

        return warned

    return decorate
