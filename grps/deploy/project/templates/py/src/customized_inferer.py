"""The inferer: loads the model and runs it."""

import numpy as np
from grps import GrpsContext, ModelInferer, clogger, inferer_register


class YourInferer(ModelInferer):
    """The model y = 2x."""

    def init(self, path, device=None, args=None):
        """Prepare: path, device and args are inferer_path, device and inferer_args."""
        super().init(path, device, args)
        self.factor = (args or {}).get("factor", 2)

    def load(self):
        """Load the model, once, before the service is ready.

        False or an exception keeps the service from starting.
        """
        # For example: self.model = torch.jit.load(self._path, map_location=self._device)
        clogger.info("loaded: y = %s x", self.factor)  # goes to logs/grps_usr.log
        return True

    def infer(self, inp: np.ndarray, context: GrpsContext) -> np.ndarray:
        """Run the model on what the converter's preprocess returned."""
        return inp * self.factor


# inference.yml finds the inferer by this name (inferer_name).
inferer_register.register("your_inferer", YourInferer())
