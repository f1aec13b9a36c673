"""Descriptions of models, as GRPS writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grps.client.transports.base import Description


def read_yaml(text: str) -> Description:
    """Return a description that is YAML.

    Raises:
        ValueError: It is no map.
    """
    import yaml

    found = yaml.safe_load(text)
    if not isinstance(found, dict):
        raise ValueError("the description of the model is no map")
    return found
