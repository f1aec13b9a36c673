"""The mock model as user code of GRPS: as a step model, and as an inferer of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from benchmarks.steps.apps.mock_cost import Cost
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.inference.steps.model import StepBatch, StepModel, StepRequest
from grps.protocol.arrays import to_arrays
from grps.protocol.pb.grps_pb2 import DT_INT64, GenericTensor, GrpsMessage


class Steps(StepModel):
    """Counts down from the length that is requested, one output at each step."""

    slots: ClassVar[dict[str, str]] = {"left": "int64"}

    def load(self) -> bool:
        """Read the costs."""
        self.cost = Cost(self.args)
        return True

    def begin(self, requests: Sequence[StepRequest]) -> Sequence[Any]:
        """Begin with the requested lengths."""
        return [{"left": request.inputs["input"][0]} for request in requests]

    def step(self, batch: StepBatch) -> tuple[np.ndarray, np.ndarray]:
        """Make one output of each sequence."""
        self.cost.spend(len(batch))
        batch["left"] -= 1
        return batch["left"], batch["left"] == 0


class Whole(ModelInferer):
    """Runs a batch until its longest sequence has ended; outputs leave at the step they are of."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Read the costs."""
        super().init(path, device, args)
        self.cost = Cost(args)

    def load(self) -> bool:
        """Load nothing."""
        return True

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run a batch of one."""
        return self.batch_infer([inp], [context])[0]

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run a batch; all its rows are computed until the end, as the tensors keep their shape."""
        lengths = [int(to_arrays(one)[0][1][0]) for one in inp]
        running = list(zip(lengths, contexts, strict=True))
        while running:
            self.cost.spend(len(contexts))
            for left, context in running:
                context.stream_respond(_output(left - 1))
            running = [
                (left - 1, context)
                for left, context in running
                if left > 1 and not context.if_disconnected()
            ]
        return [GrpsMessage() for _ in contexts]


def _output(left: int) -> GrpsMessage:
    message = GrpsMessage()
    message.gtensors.tensors.append(
        GenericTensor(name="output", dtype=DT_INT64, shape=[1], flat_int64=[left])
    )
    return message


inferer_register.register("steps", Steps())
inferer_register.register("whole", Whole())
