"""llama-server inside xllamacpp; run with the path of a GGUF file and a port."""

import sys
import threading

import xllamacpp

SEQUENCES = 64
CONTEXT = 256
THREADS = 2


def main() -> None:
    """Serve until the process is ended."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = int(sys.argv[2])
    params.n_parallel = SEQUENCES
    params.n_ctx = SEQUENCES * CONTEXT
    params.cpuparams.n_threads = THREADS
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
