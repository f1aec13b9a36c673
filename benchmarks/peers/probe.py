"""Send one request and check its answer."""

import http.client
import subprocess
import tempfile

from benchmarks.peers import wire
from benchmarks.peers.api import Endpoint


def ask_http(endpoint: Endpoint, timeout: float) -> tuple[int, bytes]:
    """Send one HTTP/1.1 request; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=timeout)
    try:
        connection.request(endpoint.method, endpoint.path, endpoint.body or None, endpoint.headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def ask_grpc(endpoint: Endpoint, timeout: float) -> bytes:
    """Send one gRPC request with the nghttp client; return the message."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(endpoint.body)
        body.flush()
        done = subprocess.run(
            [
                "nghttp",
                f"--timeout={int(timeout)}s",
                "-d",
                body.name,
                "-H",
                "content-type: application/grpc",
                "-H",
                "te: trailers",
                f"http://127.0.0.1:{endpoint.port}{endpoint.path}",
            ],
            check=False,
            capture_output=True,
            timeout=timeout + 5,
        )
    return wire.grpc_unframe(done.stdout)


def probe(endpoint: Endpoint, timeout: float = 20) -> tuple[bool, str, int]:
    """Return (right answer?, note, answer length)."""
    try:
        if endpoint.kind == "grpc":
            status, body = 200, ask_grpc(endpoint, timeout)
        else:
            status, body = ask_http(endpoint, timeout)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {str(error)[:200]}", 0
    except subprocess.TimeoutExpired:
        return False, "no answer in time", 0
    if status != 200:
        return False, f"HTTP {status} {body[:200]!r}", len(body)
    if endpoint.kind == "stream":
        count = body.count(endpoint.marker)
        right = count == (endpoint.want or count) > 0 and endpoint.ending in body
        return right, f"{count} of {endpoint.want or 'any'} chunks", len(body)
    if endpoint.check and not endpoint.check(body):
        return False, f"bad answer {body[:200]!r}", len(body)
    return True, "ok", len(body)
