"""The native data plane; the only module that imports it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grps._core import (
    Batch,
    Channel,
    Command,
    Entry,
    Heartbeat,
    Link,
    LoadedCopy,
    LoadRun,
    Log,
    LogFile,
    Lost,
    Model,
    Plugin,
    RemoteModel,
    ReplayRun,
    RunningCopy,
    Server,
    Services,
    StepChannel,
    StopSignals,
    build_facts,
    current_request,
    end_after,
    end_with_parent,
    find_gpus,
    forward_log,
    json_to_message,
    log,
    message_to_json,
    monitor_api,
    queue_recorded,
    take_recorded,
    top_logprobs,
)
from grps._core import start_log as _start_log
from grps.backends.backend import Signature
from grps.converters.table import RawBody
from grps.log import (
    MOST_CHARS,
    GuardedHandler,
    clean,
    logger,
    printed,
    request_of,
    use_request_source,
)

__all__ = [
    "Batch",
    "BodyOfModel",
    "Channel",
    "Command",
    "Entry",
    "Heartbeat",
    "Link",
    "LoadRun",
    "LoadedCopy",
    "Log",
    "LogFile",
    "Lost",
    "Model",
    "NativeBatching",
    "NativeCaller",
    "NativeCallers",
    "NativeCapture",
    "NativeCertificate",
    "NativeFrontEnds",
    "NativeJwt",
    "NativeKey",
    "NativeLanguage",
    "NativeModel",
    "NativePadding",
    "NativePlugin",
    "NativeRoute",
    "NativeSettings",
    "NativeStepText",
    "NativeSteps",
    "NativeTraces",
    "Plugin",
    "RemoteModel",
    "ReplayRun",
    "RunningCopy",
    "Server",
    "Services",
    "StepChannel",
    "StopSignals",
    "build_facts",
    "end_after",
    "end_with_parent",
    "find_gpus",
    "forward_log",
    "json_to_message",
    "message_to_json",
    "monitor_api",
    "queue_recorded",
    "set_level",
    "start_log",
    "take_recorded",
    "top_logprobs",
]

BodyOfModel = RawBody | Literal["json", "http"]
"""``json``: of a form that user code defines; ``http``: user code reads the whole HTTP request,
where the front end passes it on."""
NATIVE_LEVELS = {"warning": "warn"}


@dataclass(frozen=True, slots=True)
class NativeRoute:
    """A predict route of the user's own; its body may be the user's own as well."""

    path: str
    owns_body: bool
    streaming_mode: str
    streaming_key: str
    stream_content_type: str | None


@dataclass(frozen=True, slots=True)
class NativeTraces:
    """Where spans of requests go."""

    endpoint: str
    protocol: str
    sample_ratio: float
    service: str


@dataclass(frozen=True, slots=True)
class NativeCaller:
    """A caller: its name in logs and errors, and what it may do."""

    name: str
    scopes: tuple[str, ...]
    max_requests_per_second: float | None
    max_requests_per_minute: int | None
    max_tokens_per_minute: int | None
    max_concurrency: int | None


@dataclass(frozen=True, slots=True)
class NativeKey:
    """The caller of an API key."""

    sha256: bytes
    caller: NativeCaller


@dataclass(frozen=True, slots=True)
class NativeCertificate:
    """The caller of a client certificate."""

    subject: str
    caller: NativeCaller


@dataclass(frozen=True, slots=True)
class NativeJwt:
    """How JSON web tokens are verified."""

    jwks: str
    issuer: str | None
    audience: str | None
    scopes_claim: str
    default_scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NativeCallers:
    """All who may call."""

    keys: tuple[NativeKey, ...] = ()
    jwt: NativeJwt | None = None
    certificates: tuple[NativeCertificate, ...] = ()


@dataclass(frozen=True, slots=True)
class NativeFrontEnds:
    """What is served by which front end."""

    disabled: tuple[str, ...] = ()
    oip_shared_memory: bool = False


@dataclass(frozen=True, slots=True)
class NativeTls:
    """The files of TLS and whom they admit."""

    cert: Path
    key: Path
    client_ca: Path | None
    client_crl: Path | None
    requires_client: bool


@dataclass(frozen=True, slots=True)
class NativeCors:
    """Which pages of other sites may read responses."""

    origins: tuple[str, ...]
    credentials: bool
    headers: tuple[str, ...]
    expose: tuple[str, ...]
    max_age_s: int


@dataclass(frozen=True, slots=True)
class NativeInterface:
    """The ways into the service, besides its addresses."""

    tls: NativeTls | None = None
    proxies: tuple[str, ...] = ()
    cors: NativeCors | None = None
    compress_http: bool = True
    compress_grpc: bool = False
    compress_min_bytes: int = 8192
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NativeCapture:
    """Which requests are recorded, and where."""

    enabled: bool = False
    models: tuple[str, ...] = ()
    sample_ratio: float = 1.0
    max_bytes: int = 256 * 1024 * 1024
    max_record_bytes: int = 4 * 1024 * 1024
    directory: Path = Path("capture")
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NativeSettings:
    """The settings of the data plane at start; it reads the attributes by name."""

    max_connections: int
    max_concurrency: int
    max_queue: int
    max_request_bytes: int
    max_inflight_bytes: int
    max_header_bytes: int
    header_timeout_ms: int
    body_timeout_ms: int
    stream_stall_timeout_ms: int
    stream_idle_timeout_ms: int
    drain_timeout_ms: int
    access_log: bool
    custom_routes: tuple[NativeRoute, ...]
    admin_token: str | None
    server_metadata: str
    dashboard: bytes
    memory_limit_bytes: int
    max_memory_percent: int
    monitor_log: Path | None
    logs: list[tuple[str, Path]]
    traces: NativeTraces | None
    gpus: list[int]
    start_online: bool
    io_threads: int
    client_priority: int = 0
    front_ends: NativeFrontEnds = NativeFrontEnds()
    interface: NativeInterface = NativeInterface()
    capture: NativeCapture = NativeCapture()


@dataclass(frozen=True, slots=True)
class NativePadding:
    """How inputs of differing sizes are brought together."""

    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    max_waste: float
    cut_outputs: bool


@dataclass(frozen=True, slots=True)
class NativeBatching:
    """How the requests of a model are gathered into batches, and how many may wait."""

    max_rows: int = 1
    waits_always: bool = False
    window_us: int = 0
    preferred_sizes: tuple[int, ...] = ()
    allowed_sizes: tuple[int, ...] = ()
    padding: NativePadding | None = None
    priority_levels: int = 1
    max_length: int | None = None
    is_auto: bool = False
    """Choose the sizes of batches while the model runs."""
    slo: str | None = None
    """The latency to keep then, such as ``p99=20ms``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeStepText:
    """How the text of sequences is made of tokens."""

    tokenizer: Path | None = None
    """The ``tokenizer.json``, absolute."""
    tokenizer_json: str | None = None
    """Its text instead; text is read by it too."""
    token_output: str = "token"
    stop: tuple[str, ...] = ()
    skip_special_tokens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeLanguage:
    """What a language model needs besides its weights."""

    chat_template: str | None
    special_tokens: tuple[tuple[str, str], ...]
    context_length: int
    optional_inputs: tuple[str, ...] = ()
    """Inputs that not every engine takes, and this one does."""
    adapters: tuple[str, ...] = ()
    """Changes of its weights that a request may ask for by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeText:
    """What a model that makes numbers of text needs besides its weights."""

    tokenizer: str
    """The text of its ``tokenizer.json``."""
    max_length: int
    ranks: bool
    is_matryoshka: bool
    is_normalized: bool
    lowercase: bool
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeTranscriber:
    """What a step model that writes down what is said takes."""

    max_seconds: float
    languages: tuple[str, ...]
    takes_prompt: bool
    takes_temperature: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSteps:
    """How the sequences of a step model are scheduled."""

    max_slots: int
    max_step_cost: int | None
    max_chunk: int | None
    prefill_input: str | None
    state_bytes: int
    """Bytes of one row of all slots."""
    max_state_bytes: int | None
    max_steps: int
    preemption: str
    priority_levels: int
    max_waiting: int | None
    text: NativeStepText | None = None
    """How the text of sequences is made; ``None`` when clients get the outputs alone."""
    max_waiting_bytes: int | None = None
    """Most bytes of the inputs that wait; ``None`` for no limit."""
    position_bytes: int = 0
    """Bytes that each position of a prefill adds to the state of its sequence."""


@dataclass(frozen=True, slots=True)
class NativeModel:
    """What the data plane needs of a model."""

    name: str
    version: str
    takes_tensors: bool
    signature: Signature | None
    metadata: str
    batching: NativeBatching = NativeBatching()
    queue_timeout_ms: int | None = None
    hang_timeout_ms: int | None = None
    native: bool = False
    """Whether it returns the request natively, without instances."""
    remote: RemoteModel | None = None
    """What runs it if another service does."""
    raw_body: BodyOfModel | None = None
    """How a body of no supported content type is read, such as that of ``curl --data-binary``."""
    description: str = ""
    """The metadata as JSON text, for the dashboard."""
    steps: NativeSteps | None = None
    """How its sequences are scheduled; ``None`` when it takes requests as a whole."""
    language: NativeLanguage | None = None
    """What front ends for language models know of it; ``None`` for another model."""
    text: NativeText | None = None
    """What they know of a model that makes numbers of text; ``None`` for another model."""
    transcriber: NativeTranscriber | None = None
    """What they know of a model that writes down what is said; ``None`` for another model."""


@dataclass(frozen=True, slots=True)
class NativePlugin:
    """What the copies of a model are created by, if a plugin runs it."""

    inferer: str
    folder: str
    """The project."""
    device: str
    """Empty for no device."""
    args: str
    """``inferer_args`` as JSON."""
    warm_up: bool = True
    """Whether a copy is warmed up before it is ready."""


@dataclass(frozen=True, slots=True)
class NativeFile:
    """What a copy of a model is loaded by, if an engine in native code runs it."""

    key: str
    path: Path
    """The model, absolute."""
    device: str
    """Empty for no device."""
    args: str
    """``inferer_args`` as JSON."""
    processors: int
    """How many it may use."""
    warm_up: bool
    """Whether it runs once before it takes requests."""
    joined: tuple[int, list[int]] | None
    """Most rows that run together and the only sizes of batches; ``None`` for single requests."""


class _NativeHandler(GuardedHandler):
    """Sends records of Python's logging into the native log, so that one writer owns the file."""

    def write(self, record: logging.LogRecord, text: str) -> None:
        """Write one record."""
        log(record.levelno, record.name, clean(text, MOST_CHARS), request_of(record))


def start_log(
    path: str | None, level: str, backup_count: int, to_stderr: bool, *, as_json: bool = False
) -> Log:
    """Start the server's log and send ``grps.log.logger``, and what is printed, into it.

    Args:
        path: The log file; rotated daily. Standard error only when ``None``.
        level: ``debug``, ``info``, ``warning`` or ``error``.
        backup_count: Days that are kept besides today.
        to_stderr: Whether lines also go to standard error.
        as_json: Whether each line is a JSON object.

    Returns:
        The log; close it last, so that nothing buffered is lost.
    """
    started = _start_log(path, NATIVE_LEVELS.get(level, level), backup_count, to_stderr, as_json)
    use_request_source(current_request)
    handler = _NativeHandler()
    for source in (logger, printed):
        source.addHandler(handler)
        source.setLevel(level.upper())
        source.propagate = False
    return started


def set_level(log: Log, level: str) -> None:
    """Write lines of this level and above from here on."""
    log.set_level(NATIVE_LEVELS.get(level, level))
    for source in (logger, printed):
        source.setLevel(level.upper())
