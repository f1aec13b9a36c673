"""y = 2x on numpy arrays."""

from typing import Any

import numpy as np

from grps import GrpsContext, ModelInferer, inferer_register


class Double(ModelInferer):
    """Doubles its input; an unnamed tensor is called ``input``."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """There is nothing to prepare."""

    def load(self) -> bool:
        """There is nothing to load."""
        return True

    def infer(self, inp: dict[str, np.ndarray], context: GrpsContext) -> np.ndarray:
        """Run on one request, or on the joined rows of several."""
        return inp["input"] * 2


inferer_register.register("double", Double())
