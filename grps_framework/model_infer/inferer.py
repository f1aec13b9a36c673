"""The user's inferer and its register."""

from grps.inference.inferer import ModelInferer
from grps.inference.registry import ModelInfererRegister, inferer_register

__all__ = ["ModelInferer", "ModelInfererRegister", "inferer_register"]
