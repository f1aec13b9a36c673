"""Reaches Ray, and the director that is an actor of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from grps.cluster.known import Known
from grps.cluster.ray.names import DIRECTOR, NAMESPACE
from grps.cluster.ray.starting import require_ray, set_token
from grps.cluster.ray.store import delete_state
from grps.errors import DeployError

ANSWER_S = 60.0
CONCURRENCY = 16


class RayConnection:
    """A connection to the director."""

    def __init__(self, known: Known) -> None:
        """Connect.

        Raises:
            DeployError: Ray can't be reached, or it has no director.
            MissingExtraError: Ray is not installed.
        """
        ray = _connect(known)
        try:
            self._director = ray.get_actor(DIRECTOR, namespace=NAMESPACE)
        except ValueError as error:
            raise DeployError(
                f"Ray at {known.address} has no director; start it with: grpst cluster up"
            ) from error

    def send(self, request: bytes, chunk: bytes = b"") -> bytes:
        """Send a request and return the reply."""
        import ray

        try:
            answer: bytes = ray.get(self._director.answer.remote(request, chunk), timeout=ANSWER_S)
        except ray.exceptions.RayError as error:
            raise DeployError(f"the director does not answer: {_last_line(error)}") from error
        return answer

    def close(self) -> None:
        """End the connection."""
        import ray

        ray.shutdown()


def start_director(known: Known) -> None:
    """Start the director in Ray, unless it runs.

    Raises:
        DeployError: Ray can't be reached, or the director does not start.
    """
    ray = _connect(known)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from grps.cluster.ray.director_actor import DirectorActor

    here = ray.get_runtime_context().get_node_id()
    director = (
        ray.remote(DirectorActor)
        .options(
            name=DIRECTOR,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            max_concurrency=CONCURRENCY,
            num_cpus=0,
            # The archives are on this host.
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=True),
        )
        .remote()
    )
    try:
        ray.get(director.answer.remote(b'{"verb": "status"}', b""), timeout=ANSWER_S)
    except ray.exceptions.RayError as error:
        raise DeployError(f"the director did not start: {_last_line(error)}") from error


def stop_director(known: Known) -> None:
    """End the director; its replicas run on, and its state is kept while there are any."""
    ray = _connect(known)
    with suppress(ValueError):
        director = ray.get_actor(DIRECTOR, namespace=NAMESPACE)
        ray.kill(director)


def forget_state(known: Known) -> None:
    """Delete what the director has kept in Ray."""
    _connect(known)
    delete_state()


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__


def _connect(known: Known) -> Any:
    """Connect this process to Ray, once, and return the module."""
    require_ray()
    set_token(known.token_file)
    import ray

    if ray.is_initialized():
        return ray
    try:
        ray.init(
            address=known.address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        text = str(error).strip().partition("\n")[0]
        raise DeployError(f"Ray at {known.address} can't be reached: {text}") from error
    return ray
