"""Where a project's converters and inferers register under a name."""

from __future__ import annotations

from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.inference.steps.model import StepModel


class ConverterRegister:
    """Converters by name; registering a name again replaces the first."""

    def __init__(self) -> None:
        """Make an empty register."""
        self._converters: dict[str, Converter] = {}

    def register(self, converter_name: str, converter_obj: Converter) -> None:
        """Register ``converter_obj`` under ``converter_name``."""
        self._converters[converter_name] = converter_obj

    def get_converter(self, converter_name: str) -> Converter | None:
        """Return the converter ``converter_name``, ``None`` when there is none."""
        return self._converters.get(converter_name)

    @property
    def converter_dict(self) -> dict[str, Converter]:
        """All converters by name."""
        return self._converters


class ModelInfererRegister:
    """Inferers by name; registering a name again replaces the first."""

    def __init__(self) -> None:
        """Make an empty register."""
        self._inferers: dict[str, ModelInferer | StepModel] = {}

    def register(self, inferer_name: str, inferer_obj: ModelInferer | StepModel) -> None:
        """Register ``inferer_obj`` under ``inferer_name``."""
        self._inferers[inferer_name] = inferer_obj

    def get_model_inferer(self, inferer_name: str) -> ModelInferer | StepModel | None:
        """Return the inferer ``inferer_name``, ``None`` when there is none."""
        return self._inferers.get(inferer_name)

    @property
    def model_inferer_dict(self) -> dict[str, ModelInferer | StepModel]:
        """All inferers by name."""
        return self._inferers


converter_register = ConverterRegister()
inferer_register = ModelInfererRegister()
