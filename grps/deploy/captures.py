"""The recording of requests by a running service: its start, its stop and its records."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from grps.deploy.admin import admin_call, admin_connection, reply_of, unreachable
from grps.deploy.supervision.services import Service
from grps.errors import DeployError

CAPTURE = "/grps/v1/admin/capture"
_CHUNK_BYTES = 1 << 20


def read_capture(service: Service) -> dict[str, Any]:
    """Return whether a service records requests, and how many it has recorded.

    Raises:
        DeployError: It can't be reached, or refuses.
    """
    return admin_call(service, "GET", CAPTURE)


def start_capture(
    service: Service,
    models: tuple[str, ...] = (),
    sample_ratio: float | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """Let a service record requests; its earlier records are removed.

    Args:
        service: The service.
        models: Models by name or ``name-version``, and graphs; those of ``server.yml`` if empty.
        sample_ratio: Share of the requests; as configured when ``None``.
        max_bytes: Most bytes of all records; as configured when ``None``.

    Raises:
        DeployError: It can't be reached, or refuses: it records already, or a value is wrong.
    """
    options = {"models": list(models) or None, "sample_ratio": sample_ratio, "max_bytes": max_bytes}
    given = {name: value for name, value in options.items() if value is not None}
    return admin_call(service, "POST", f"{CAPTURE}/start", body=msgspec.json.encode(given))


def stop_capture(service: Service) -> dict[str, Any]:
    """Let a service record no more requests; its records stay.

    Raises:
        DeployError: It can't be reached, or refuses.
    """
    return admin_call(service, "POST", f"{CAPTURE}/stop")


def fetch_capture(
    service: Service, file: Path, on_progress: Callable[[int, int], None] | None = None
) -> int:
    """Write the records of a service into a file that only this user may read.

    Args:
        service: The service.
        file: Replaced when all is there.
        on_progress: Called with the bytes that are there and all of them.

    Returns:
        The bytes of the file.

    Raises:
        DeployError: It can't be reached, has recorded nothing, or the file is not whole.
    """
    part = file.with_name(f".{file.name}.part")
    path = f"{CAPTURE}/records"
    connection, headers = admin_connection(service)
    try:
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
        except OSError as error:
            raise unreachable(service, error) from error
        if response.status != http.client.OK:
            reply_of(response.status, response.read(), path)
        total, done = int(response.headers.get("Content-Length", "0")), 0
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        with part.open("wb") as out:
            while chunk := response.read(_CHUNK_BYTES):
                out.write(chunk)
                done += len(chunk)
                if on_progress is not None:
                    on_progress(done, total)
        if done != total:
            raise DeployError(f"the service sent {done} bytes of {total}; fetch it again")
        part.replace(file)
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise unreachable(service, error) from error
    except OSError as error:
        raise DeployError(f"{file} can't be written: {error.strerror or error}") from error
    finally:
        connection.close()
        part.unlink(missing_ok=True)
    return total
