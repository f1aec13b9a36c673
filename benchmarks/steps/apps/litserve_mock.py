"""The mock model for LitServe's continuous batching loop; run with a port and JSON of arguments."""

from __future__ import annotations

import json
import sys
from typing import Any

import litserve
from litserve.loops import ContinuousBatchingLoop, Output
from litserve.utils import LitAPIStatus

from benchmarks.steps.apps.mock_cost import Cost


class Steps(litserve.LitAPI):
    """Counts down from the length that is requested, one output at each step."""

    def setup(self, device: str) -> None:
        """Read the costs; ``arguments`` is set by ``main``."""
        self.cost = Cost(self.arguments)
        self.slots = self.arguments["slots"]
        self.left: dict[str, int] = {}

    def add_request(self, uid: str, request: Any) -> None:
        """Begin with the requested length."""
        self.left[uid] = request["ndarray"][0]

    def has_capacity(self) -> bool:
        """Return whether a slot is free."""
        return len(self.left) < self.slots

    def has_active_requests(self) -> bool:
        """Return whether there is something to step."""
        return bool(self.left)

    def step(self, previous: list[Output] | None) -> list[Output]:
        """Make one output of each sequence; the end of one is an output of its own."""
        running = list(self.left)
        self.cost.spend(len(running))
        outputs = []
        for uid in running:
            self.left[uid] -= 1
            outputs.append(Output(uid, self.left[uid], LitAPIStatus.OK))
            if self.left[uid] == 0:
                del self.left[uid]
                outputs.append(Output(uid, "", LitAPIStatus.FINISH_STREAMING))
        return outputs

    def encode_response(self, output: Any) -> str:
        """Return a line of JSON."""
        return f'{{"output": {output}}}\n'


def main() -> None:
    """Serve until the process is ended."""
    api = Steps(stream=True, loop=ContinuousBatchingLoop())
    api.arguments = json.loads(sys.argv[2])
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=1,
        timeout=False,
        fast_queue=api.arguments["fast_queue"],
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
