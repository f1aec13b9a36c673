"""Data of ``inference.yml`` and ``server.yml``, with upstream's keys and defaults.

Every structure refuses unknown keys. ``None`` stands for an empty YAML value, which upstream's
files use freely.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from grps.config.parts.batching import BatchingConfig, StepsConfig
from grps.config.parts.capture import CaptureConfig
from grps.config.parts.section import Name, NotNegative, Positive, Section
from grps.config.parts.sources import RepositoryConfig, SourcesConfig
from grps.config.parts.traffic import TrafficConfig
from grps.config.ports import parse_ports

DIGEST_PATTERN = r"^[0-9a-f]{64}\Z"
COLLECTOR_PATTERN = r"^http://[^\s/]+/?\Z"
ORIGIN_PATTERN = r"^(\*|[a-z][a-z0-9+.-]*://[^\s/?#@,]+)\Z"
MODE_PATTERN = r"^0?[0-7]{3}\Z"
InfererType = Annotated[str, msgspec.Meta(extra={"names": "inferer_type"})]
"""Allowed are the values of ``KnownNames.choices`` under that name; the same for the next two."""
ConverterType = Annotated[str, msgspec.Meta(extra={"names": "converter_type"})]
MemoryManagerType = Annotated[str, msgspec.Meta(extra={"names": "mem_manager_type"})]


class QueueConfig(Section, frozen=True, kw_only=True):
    """Who may wait for an instance of a model, and how long."""

    max_length: Positive | None = None
    """Requests that may wait; more get status 429. No limit of the model's own when absent."""
    timeout_ms: NotNegative = 0
    """Longest wait for an instance, then status 429; 0 for no limit."""
    priority_levels: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    """Priorities that clients may request; 0 is the most urgent."""


class RemoteConfig(Section, frozen=True, kw_only=True):
    """The other service that a model runs in."""

    service: Name
    """Its name in ``services``."""
    model: str | None = None
    """The ``name-version`` of the model there, or a graph; the same as here when absent."""


class ModelConfig(Section, frozen=True, kw_only=True):
    """One entry of ``models`` in ``inference.yml``."""

    name: Name
    version: Name
    device: str | None = None
    inp_device: str | None = None
    inferer_type: InfererType = "remote"
    """Needed unless there is ``remote``."""
    inferer_name: str | None = None
    inferer_path: str | None = None
    inferer_args: dict[str, Any] | None = None
    converter_type: ConverterType | None = None
    converter_name: str | None = None
    converter_path: str | None = None
    converter_args: dict[str, Any] | None = None
    batching: BatchingConfig | None = None
    queue: QueueConfig = QueueConfig()
    instances: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Loaded copies that run side by side, on each device."""
    isolation: Literal["thread", "process"] = "thread"
    """``process`` runs each instance in a process of its own: a crash costs its requests only, and
    pure Python code of several instances runs at once."""
    max_threads: Positive | None = None
    """Most threads that run user code of the model at once; ``max_concurrency`` when absent."""
    warm_up: bool = True
    """Run the model once on an example before it takes requests."""
    warm_up_requests: tuple[str, ...] = ()
    """JSON files with messages, as clients send them, that are run before it takes requests."""
    remote: RemoteConfig | None = None
    """Runs the model in another service; nothing of it is loaded here."""

    @property
    def key(self) -> str:
        """The name clients use: ``name-version``."""
        return f"{self.name}-{self.version}"

    @property
    def joins_requests(self) -> bool:
        """Whether several requests run together."""
        return self.batching is not None and self.batching.type in ("dynamic", "auto")

    @property
    def makes_steps(self) -> bool:
        """Whether it is a step model."""
        return self.batching is not None and self.batching.type == "continuous"

    @property
    def steps(self) -> StepsConfig:
        """How the sequences of a step model are scheduled, with the defaults."""
        steps = self.batching.steps if self.batching is not None else None
        return steps if steps is not None else StepsConfig()

    @property
    def slots(self) -> int:
        """The sequences that an instance of a step model steps at once."""
        return (self.batching or BatchingConfig()).max_batch_size

    @property
    def devices(self) -> tuple[str | None, ...]:
        """The devices that ``device`` lists, with commas between them."""
        return (None,) if self.device is None else tuple(map(str.strip, self.device.split(",")))

    @property
    def copies(self) -> int:
        """How many copies there are on all devices together."""
        return self.instances * len(self.devices)

    def for_copy(self, index: int) -> ModelConfig:
        """Return what one of the copies is loaded by: its own device; devices are used in turn."""
        device = self.devices[index % len(self.devices)]
        return msgspec.structs.replace(self, device=device, instances=self.copies)

    @property
    def is_native(self) -> bool:
        """Whether the model runs in native code, without instances."""
        without = self.converter_type in (None, "none")
        return self.inferer_type == "identity" and without and self.isolation == "thread"


class NodeConfig(Section, frozen=True, kw_only=True):
    """One step of a graph."""

    name: Name
    type: Literal["model"] = "model"
    model: str
    """``name-version``, or a name alone for its latest version."""
    input: str | None = None
    """The node whose whole output it works on; the request when neither this nor ``inputs``."""
    inputs: dict[str, str] | None = None
    """Names of the model's inputs and where each comes from: ``NODE.TENSOR`` or
    ``request.TENSOR``; ``optional`` before it lets the node run without."""
    when: str | None = None
    """When it runs, such as ``detect.count > 0``; always without one."""


class DagConfig(Section, frozen=True, kw_only=True):
    """Several models as one."""

    type: Literal["sequential", "graph"] = "sequential"
    name: Name = "default"
    nodes: tuple[NodeConfig, ...]
    outputs: dict[str, str] | None = None
    """Names of the response's tensors and their sources; all of the last nodes when absent."""


class EndpointsConfig(Section, frozen=True, kw_only=True):
    """Where the endpoints of a service come from."""

    source: Literal["static", "dns", "kubernetes", "ray"]
    """``ray`` takes those that ``grpst cluster``, or another operator, sends."""
    addresses: tuple[str, ...] = ()
    """Host and port of each, with ``static``."""
    host: str | None = None
    """The name whose addresses are all endpoints, with ``dns``."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """The port of all endpoints, with ``dns`` and ``kubernetes``."""
    service: Name | None = None
    """The service whose EndpointSlices are followed, with ``kubernetes``."""
    namespace: Name | None = None
    """Its namespace; that of this pod when absent."""
    api_server: str | None = None
    """The API server; that of the cluster of this pod when absent."""
    refresh_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 5
    """How often the name is looked up, with ``dns``."""


class ServiceTlsConfig(Section, frozen=True, kw_only=True):
    """TLS to the endpoints of a service; files in PEM, relative to the project's folder."""

    ca: str
    """Certificates of the authorities that sign those of the endpoints."""
    certificate: str | None = None
    """The certificate that this service shows, then its intermediate ones."""
    key: str | None = None
    server_name: str | None = None
    """The name in the certificates of the endpoints; the host of each when absent."""


class ServiceConfig(Section, frozen=True, kw_only=True):
    """One entry of ``services``: another service that models run in."""

    name: Name
    endpoints: EndpointsConfig
    tls: ServiceTlsConfig | None = None
    """Connections are not encrypted when absent."""
    api_key_file: str | None = None
    """A file with the API key that the endpoints ask for, relative to the project's folder."""
    connections: Annotated[int, msgspec.Meta(ge=2, le=32)] = 4
    """Connections to each endpoint; all but one are for large bodies."""
    connect_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1000
    timeout_ms: NotNegative = 0
    """Longest time for a call that has no earlier deadline; 0 for no limit."""
    max_response_bytes: Positive = 256 * 1024 * 1024
    """Most bytes of a response, and of a chunk of a stream."""


class InferenceConfig(Section, frozen=True, kw_only=True):
    """The whole of ``inference.yml``."""

    models: tuple[ModelConfig, ...]
    services: tuple[ServiceConfig, ...] = ()
    """Other services that models run in."""
    dag: DagConfig | None = None
    """The default graph, for requests that name no model."""
    graphs: tuple[DagConfig, ...] = ()
    """More graphs, which clients request by name."""
    traffic: tuple[TrafficConfig, ...] = ()
    """How requests for a model without a version are divided among its versions."""
    repository: RepositoryConfig | None = None


class StreamingControl(Section, frozen=True, kw_only=True):
    """How a client of the customized route requests a stream."""

    ctrl_mode: Literal["query_param", "header_param", "body_param"] | None = None
    ctrl_key: str | None = None
    res_content_type: str | None = None


class CustomizedHttpConfig(Section, frozen=True, kw_only=True):
    """A route of the user's own for predict."""

    path: str | None = None
    customized_body: bool | None = None
    streaming_ctrl: StreamingControl | None = None


class TlsConfig(Section, frozen=True, kw_only=True):
    """TLS on the ports; files in PEM, relative to the project's folder."""

    cert: str
    """The certificate of the service, then its intermediate ones."""
    key: str
    client_ca: str | None = None
    """Certificates of the authorities that sign certificates of clients; none are asked for
    when absent."""
    client_crl: str | None = None
    """Lists of certificates that these authorities have revoked; not looked for when absent."""
    client_auth: Literal["required", "optional"] = "required"
    """``optional`` also admits clients without a certificate; with ``client_ca`` only."""


class ProxyProtocolConfig(Section, frozen=True, kw_only=True):
    """Proxies that say which client they forward."""

    trusted: tuple[str, ...]
    """Their addresses or ranges, such as ``10.0.0.0/8``; each connection of theirs begins with a
    header of the PROXY protocol."""


class CorsConfig(Section, frozen=True, kw_only=True):
    """Pages of other sites that may read responses."""

    origins: tuple[Annotated[str, msgspec.Meta(pattern=ORIGIN_PATTERN)], ...]
    """Origins such as ``https://app.example.com``, or ``*`` alone for all."""
    credentials: bool = False
    """Let browsers send cookies and certificates along; not for all origins."""
    headers: tuple[Name, ...] = ()
    """Headers that pages may send; those that they ask for when empty."""
    expose: tuple[Name, ...] = ()
    """Headers of responses that pages may read, besides those of the service."""
    max_age_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 600
    """How long a browser may keep the answer to a preflight."""


class CompressionConfig(Section, frozen=True, kw_only=True):
    """When responses are compressed."""

    http: bool = True
    """Compress texts for clients that accept it."""
    grpc: bool = False
    """Compress for every client that accepts it, not only for those that compress requests."""
    min_bytes: NotNegative = 8192
    """Smaller responses are sent as they are."""


class InterfaceConfig(Section, frozen=True, kw_only=True):
    """Where the service listens."""

    framework: Literal["http", "http+grpc", "http+brpc"] = "http+grpc"
    host: str = "0.0.0.0"
    port: str | int = "7080,7081"
    customized_predict_http: CustomizedHttpConfig | tuple[CustomizedHttpConfig, ...] | None = None
    tls: TlsConfig | None = None
    """TLS on every port."""
    unix_socket: str | None = None
    """A Unix socket to listen on besides the ports, relative to the service's folder; without
    TLS."""
    unix_socket_mode: Annotated[str, msgspec.Meta(pattern=MODE_PATTERN)] = "660"
    """Permissions of the socket, in octal."""
    proxy_protocol: ProxyProtocolConfig | None = None
    cors: CorsConfig | None = None
    """No page of another site may read responses when absent."""
    compression: CompressionConfig = CompressionConfig()
    hosts: tuple[str, ...] = ()
    """Names that requests may be for if the service listens on a loopback address, besides those of
    the loopback; ``*`` for all."""

    @property
    def customized_routes(self) -> tuple[CustomizedHttpConfig, ...]:
        """The user's own predict routes, whether one section or a list of them is configured."""
        routes = self.customized_predict_http
        if isinstance(routes, CustomizedHttpConfig):
            return (routes,)
        return routes or ()

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports to listen on: HTTP, then RPC where there is one; each speaks every protocol.

        Raises:
            ValueError: ``port`` is malformed; never for a configuration that was loaded.
        """
        ports = parse_ports(self.port)
        return ports[:1] if self.framework == "http" else ports


class GpuConfig(Section, frozen=True, kw_only=True):
    """GPU monitoring and memory management."""

    devices: tuple[NotNegative, ...] | None = None
    mem_manager_type: MemoryManagerType | None = None
    """The engine whose memory is looked after."""
    mem_limit_mib: int | None = None
    """Most memory that its models may take of each GPU; -1 for no limit."""
    mem_gc_enable: bool | None = None
    """Give memory back that the engine keeps without using it."""
    mem_gc_interval: Positive | None = None
    """Seconds between two rounds of that."""

    @property
    def limits_memory(self) -> bool:
        """Whether there is a limit."""
        return self.mem_limit_mib is not None and self.mem_limit_mib > 0

    @property
    def gc_interval_s(self) -> int:
        """Seconds between two rounds of giving memory back."""
        return self.mem_gc_interval or 60


class LogConfig(Section, frozen=True, kw_only=True):
    """Where logs go and how many days are kept."""

    log_dir: str = "./logs"
    log_backup_count: NotNegative = 7
    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = False
    """Write one line per request to the server log."""
    format: Literal["text", "json"] = "text"
    """``json`` writes each line of the server's and the user's log as an object."""


class TracingConfig(Section, frozen=True, kw_only=True):
    """Where spans of requests are exported by OTLP."""

    endpoint: Annotated[str, msgspec.Meta(pattern=COLLECTOR_PATTERN)]
    """The collector, such as ``http://127.0.0.1:4317``."""
    protocol: Literal["grpc", "http"] = "grpc"
    """``http`` sends protobuf to ``/v1/traces``."""
    sample_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """Share of requests that are traced; the caller decides for requests that it traces."""
    service_name: str | None = None
    """The service's name in traces; that of its folder when absent."""


class LimitsConfig(Section, frozen=True, kw_only=True):
    """Limits of requests (all sizes in bytes, all times in milliseconds)."""

    max_request_bytes: Positive = 256 * 1024 * 1024
    max_inflight_bytes: Positive | None = None
    """Bytes that all requests in flight may hold together; more get status 429.
    A quarter of the memory when absent, but no less than ``max_request_bytes``."""
    max_memory_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 95
    """Share of the memory that the process may use above which new requests get status 429."""
    max_header_bytes: Annotated[int, msgspec.Meta(ge=8192, le=1024 * 1024)] = 64 * 1024
    header_timeout_ms: Positive = 30_000
    """Time for a request head, and for a connection without requests."""
    body_timeout_ms: Positive = 60_000
    stream_stall_timeout_ms: Positive = 30_000
    """How long a client may take nothing of a response; then it is closed and its request ends."""
    stream_idle_timeout_ms: Positive = 600_000
    """How long a client may send nothing on a WebSocket, or on a stream of gRPC requests after an
    answer."""
    max_queue: Positive = 4096
    """Requests that may wait for one of ``max_concurrency`` places; more get status 429."""
    client_priority: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    """Most urgent priority that clients without the admin token may request; 0 is the highest."""
    drain_timeout_ms: NotNegative = 30_000


class HealthConfig(Section, frozen=True, kw_only=True):
    """Readiness of the service."""

    start_online: bool = True
    """False restores upstream's way: not ready until a client calls ``online``."""
    hang_timeout_ms: NotNegative = 60_000
    """Work on a batch without a heartbeat (a chunk) that makes the service not ready; 0 for
    no limit."""


Scope = Literal["infer", "read", "admin"]
Digest = Annotated[str, msgspec.Meta(pattern=DIGEST_PATTERN)]
Rate = Annotated[float, msgspec.Meta(ge=0.001)]
PerMinute = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class KeyConfig(Section, frozen=True, kw_only=True):
    """An API key; ``grpst key`` makes one."""

    name: Name
    sha256: Digest
    """SHA-256 of the key, in hexadecimal."""
    scopes: tuple[Scope, ...] = ("infer", "read")
    max_requests_per_second: Rate | None = None
    """More get status 429; as many may come at once. No limit when absent."""
    max_requests_per_minute: PerMinute | None = None
    """More get status 429; as many may come at once. No limit when absent."""
    max_tokens_per_minute: PerMinute | None = None
    """Tokens of prompts and of generated text; more get status 429. No limit when absent."""
    max_concurrency: Positive | None = None
    """Requests at once; more get status 429. No limit when absent."""


class KeysFile(Section, frozen=True, kw_only=True):
    """The whole of a file with keys."""

    keys: tuple[KeyConfig, ...] = ()


class CertificateConfig(Section, frozen=True, kw_only=True):
    """A client certificate that the service knows."""

    subject: str
    """The verified subject, such as ``CN=robot,O=Example``."""
    name: Name
    scopes: tuple[Scope, ...] = ("infer", "read")
    max_requests_per_second: Rate | None = None
    max_requests_per_minute: PerMinute | None = None
    max_tokens_per_minute: PerMinute | None = None
    max_concurrency: Positive | None = None


class JwtConfig(Section, frozen=True, kw_only=True):
    """JSON web tokens."""

    jwks_file: str
    """The public keys, as a JSON web key set; read again when it changes."""
    issuer: str | None = None
    """The required ``iss``."""
    audience: str | None = None
    """The required ``aud``."""
    scopes_claim: str = "scope"
    """The claim with the scopes: ``infer``, ``read``, ``admin``, or with ``grps:`` before them."""
    default_scopes: tuple[Scope, ...] = ()
    """The scopes of tokens without that claim."""


class AuthConfig(Section, frozen=True, kw_only=True):
    """Who may call; every client may infer and read when absent."""

    keys: tuple[KeyConfig, ...] = ()
    keys_file: str | None = None
    """A file with more ``keys``; read again when it changes."""
    jwt: JwtConfig | None = None
    certificates: tuple[CertificateConfig, ...] = ()


class OipConfig(Section, frozen=True, kw_only=True):
    """The Open Inference Protocol v2."""

    enabled: bool = True
    shared_memory: bool = False
    """Clients on this machine may pass tensors in shared memory below ``/dev/shm``."""


class BrpcConfig(Section, frozen=True, kw_only=True):
    """bRPC's baidu_std."""

    enabled: bool = True


class TfservingConfig(Section, frozen=True, kw_only=True):
    """The protocols of TensorFlow Serving."""

    enabled: bool = False


class TorchserveConfig(Section, frozen=True, kw_only=True):
    """The inference protocol of TorchServe."""

    enabled: bool = False


class ServerConfig(Section, frozen=True, kw_only=True):
    """The whole of ``server.yml``."""

    interface: InterfaceConfig = InterfaceConfig()
    max_connections: Positive = 1000
    max_concurrency: Positive = 32
    gpu: GpuConfig | None = None
    log: LogConfig = LogConfig()
    tracing: TracingConfig | None = None
    limits: LimitsConfig = LimitsConfig()
    health: HealthConfig = HealthConfig()
    auth: AuthConfig | None = None
    oip: OipConfig = OipConfig()
    brpc: BrpcConfig = BrpcConfig()
    tfserving: TfservingConfig = TfservingConfig()
    torchserve: TorchserveConfig = TorchserveConfig()
    capture: CaptureConfig = CaptureConfig()
    sources: SourcesConfig = SourcesConfig()
    io_threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    """Threads that serve sockets; 0 picks one per two cores, at least one and at most four."""
