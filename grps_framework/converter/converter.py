"""The user's converter and its register."""

from grps.inference.converter import Converter
from grps.inference.registry import ConverterRegister, converter_register

__all__ = ["Converter", "ConverterRegister", "converter_register"]
