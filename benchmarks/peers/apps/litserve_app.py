"""W6 by LitServe's OpenAISpec, with the mock engine in its worker; run with a port."""

import sys
from collections.abc import AsyncIterator
from typing import Any

import litserve
from bench_ticks import Engine


class Ticks(litserve.LitAPI):
    """Streams as many tokens as a request allows."""

    def setup(self, device: str) -> None:
        """Begin without streams."""
        self.engine = Engine()

    async def predict(self, request: Any) -> AsyncIterator[str]:
        """Return one token at each step."""
        for _ in range(request.max_tokens):
            yield await self.engine.token()


def main() -> None:
    """Serve until the process is ended."""
    api = Ticks(spec=litserve.OpenAISpec(), enable_async=True)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=1, timeout=False, fast_queue=True
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
