"""Upstream's import path of ``global_conf``."""

from grps.config.global_conf import Config, global_conf

__all__ = ["Config", "global_conf"]
