"""The server without Python, a program that the package brings along where it was built with it."""

from __future__ import annotations

from pathlib import Path

import grps

PROGRAM = Path(grps.__file__).with_name("grps-server")
