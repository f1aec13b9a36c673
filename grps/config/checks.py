"""Rules that tie several keys together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from ipaddress import ip_network

from grps.config.graphs import plan_graph
from grps.config.names import KnownNames
from grps.config.parts.batching import BatchingConfig
from grps.config.parts.capture import SECRET_HEADER_PARTS, CaptureConfig
from grps.config.ports import parse_ports
from grps.config.remote.rules import check_remote, check_services
from grps.config.routes import path_fault
from grps.config.schema import (
    CertificateConfig,
    DagConfig,
    GpuConfig,
    InferenceConfig,
    InterfaceConfig,
    KeyConfig,
    ModelConfig,
    ServerConfig,
)
from grps.config.suggest import hint
from grps.config.traffic.rules import check_traffic
from grps.errors import ConfigError

Fail = Callable[[str, str], ConfigError]
"""Makes the error for a key path and a message."""
HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
EMPTY_DIGEST = hashlib.sha256().hexdigest()
"""What ``sha256sum`` prints for a variable that is not set."""


def check_inference(config: InferenceConfig, names: KnownNames, fail: Fail) -> None:
    """Check models and graph.

    Raises:
        ConfigError: The first rule that is broken.
    """
    if not config.models:
        raise fail("models", "at least one model is needed")
    check_services(config.services, fail)
    seen: dict[str, int] = {}
    for index, model in enumerate(config.models):
        at = f"models[{index}]"
        if model.key in seen:
            raise fail(f"{at}.name", f"model {model.key!r} is already models[{seen[model.key]}]")
        seen[model.key] = index
        if model.remote is not None:
            check_remote(model, at, config.services, fail)
        elif model.inferer_type == "remote":
            raise fail(at, "required key 'inferer_type' is missing or empty")
        else:
            _check_model(model, at, names, fail)
    taken = {*seen, *(model.name for model in config.models)}
    if config.dag is not None:
        _check_graph(config.dag, "dag", config.models, fail)
        if config.dag.type == "graph":
            _take_name(config.dag, "dag", taken, fail)
    for index, graph in enumerate(config.graphs):
        _check_graph(graph, f"graphs[{index}]", config.models, fail)
        _take_name(graph, f"graphs[{index}]", taken, fail)
    check_traffic(config.traffic, config.models, fail)


def _check_graph(graph: DagConfig, at: str, models: Sequence[ModelConfig], fail: Fail) -> None:
    if not graph.nodes:
        raise fail(f"{at}.nodes", "at least one node is needed")
    keys = [model.key for model in models]
    names = {model.name for model in models}
    for index, node in enumerate(graph.nodes):
        if node.model not in keys and node.model not in names:
            text = f"model {node.model!r} is not declared in 'models'{hint(node.model, keys)}"
            raise fail(f"{at}.nodes[{index}].model", f"{text}; declared: {', '.join(keys)}")
    plan_graph(graph, at, fail)


def _take_name(graph: DagConfig, at: str, taken: set[str], fail: Fail) -> None:
    if graph.name in taken:
        raise fail(f"{at}.name", f"{graph.name!r} is the name of a model or of another graph")
    taken.add(graph.name)


def _check_model(model: ModelConfig, at: str, names: KnownNames, fail: Fail) -> None:
    _check_batching(model, f"{at}.batching", names, fail)
    if model.inferer_type in names.step_engines:
        _check_step_engine(model, at, fail)
    if len(model.devices) > 1 and not all(model.devices):
        raise fail(f"{at}.device", f"{model.device!r} lists a device without a name")
    if model.isolation == "process" and model.max_threads is not None:
        raise fail(
            f"{at}.max_threads",
            "has no effect with 'isolation: process', where each instance has one thread; "
            "use instances instead",
        )
    if model.inferer_type == "customized":
        if model.inferer_name is None:
            raise fail(
                f"{at}.inferer_name",
                "needed because inferer_type is 'customized': "
                "give the name the inferer is registered under",
            )
    elif model.inferer_type == "plugin":
        _check_plugin(model, at, fail)
    elif model.inferer_type == "identity":
        _check_identity(model, at, fail)
    elif model.inferer_path is None:
        raise fail(
            f"{at}.inferer_path",
            f"needed because inferer_type is {model.inferer_type!r}: give the model file",
        )
    if model.inferer_type == "torchserve":
        _check_torchserve(model, at, fail)
    file = names.converter_paths.get(model.converter_type or "")
    if file is not None and model.converter_path is None:
        raise fail(
            f"{at}.converter_path",
            f"needed because converter_type is {model.converter_type!r}: give {file}",
        )
    if model.converter_type == "customized" and model.converter_name is None:
        raise fail(
            f"{at}.converter_name",
            "needed because converter_type is 'customized': "
            "give the name the converter is registered under",
        )


def _check_plugin(model: ModelConfig, at: str, fail: Fail) -> None:
    if model.inferer_path is None:
        raise fail(
            f"{at}.inferer_path",
            "needed because inferer_type is 'plugin': give the plugin, such as './libNAME.so'",
        )
    if model.inferer_name is None:
        raise fail(
            f"{at}.inferer_name",
            "needed because inferer_type is 'plugin': give the name of one of its inferers",
        )
    if model.converter_type not in (None, "none"):
        raise fail(
            f"{at}.converter_type",
            "inferer_type 'plugin' takes tensors as they come; use 'none', and a graph to run a "
            "converter in a model of its own",
        )
    if model.max_threads is not None:
        raise fail(
            f"{at}.max_threads",
            "has no effect with inferer_type 'plugin', where each instance has one thread; use "
            "instances instead",
        )
    if model.warm_up_requests:
        raise fail(
            f"{at}.warm_up_requests",
            "inferer_type 'plugin' does not take recorded requests; warm it up in its WarmUp()",
        )


def _check_identity(model: ModelConfig, at: str, fail: Fail) -> None:
    if model.converter_type not in (None, "none", "customized"):
        raise fail(
            f"{at}.converter_type",
            "inferer_type 'identity' returns the request as it is; "
            "use 'none', or 'customized' to try a converter alone",
        )
    if model.batching is not None and model.batching.type != "none":
        raise fail(f"{at}.batching.type", "inferer_type 'identity' has no batches; leave it out")


def _check_step_engine(model: ModelConfig, at: str, fail: Fail) -> None:
    named = f"inferer_type {model.inferer_type!r}"
    if not model.makes_steps:
        raise fail(f"{at}.batching.type", f"{named} makes its text in steps: use 'continuous'")
    if model.converter_type != "numpy":
        raise fail(f"{at}.converter_type", f"{named} takes tokens: use 'numpy'")
    if model.batching is not None and model.batching.steps is not None:
        raise fail(f"{at}.batching.steps", f"{named} plans its steps itself; leave it out")


def _check_torchserve(model: ModelConfig, at: str, fail: Fail) -> None:
    if model.isolation != "process":
        raise fail(
            f"{at}.isolation",
            "inferer_type 'torchserve' needs 'isolation: process': a handler of TorchServe has a "
            "process of its own",
        )
    if model.converter_type not in (None, "none"):
        raise fail(
            f"{at}.converter_type",
            "inferer_type 'torchserve' reads and writes messages itself; use 'none'",
        )


def _check_batching(model: ModelConfig, at: str, names: KnownNames, fail: Fail) -> None:
    batching = model.batching
    if batching is None:
        return
    most = batching.max_batch_size
    shaping = {
        "preferred_sizes": batching.preferred_sizes,
        "allowed_sizes": batching.allowed_sizes,
        "padding": batching.padding,
    }
    for key, value in shaping.items():
        if value and not model.joins_requests:
            text = "has no effect without 'type: dynamic' or 'type: auto'; add one, or leave it out"
            raise fail(f"{at}.{key}", text)
        if value and key != "preferred_sizes" and not names.takes_tensors(model):
            raise fail(
                f"{at}.{key}",
                "needs tensors, but this model's code takes whole messages; "
                "use a tensor converter, such as 'converter_type: numpy'",
            )
    if batching.slo is not None and batching.type != "auto":
        raise fail(f"{at}.slo", "has no effect without 'type: auto'; add that, or leave it out")
    if batching.type == "continuous":
        _check_steps(model, batching, at, names, fail)
    elif batching.steps is not None:
        raise fail(
            f"{at}.steps", "has no effect without 'type: continuous'; add that, or leave it out"
        )
    if batching.preferred_sizes and max(batching.preferred_sizes) > most:
        raise fail(
            f"{at}.preferred_sizes",
            f"{max(batching.preferred_sizes)} is over max_batch_size {most}",
        )
    if batching.allowed_sizes and max(batching.allowed_sizes) != most:
        raise fail(
            f"{at}.allowed_sizes",
            f"its largest size, {max(batching.allowed_sizes)}, must be max_batch_size, {most}",
        )
    if batching.padding is not None and not batching.padding.sizes:
        raise fail(f"{at}.padding.sizes", "at least one size is needed")


def _check_steps(
    model: ModelConfig, batching: BatchingConfig, at: str, names: KnownNames, fail: Fail
) -> None:
    is_own = model.inferer_type == "customized" and model.converter_type == "numpy"
    if not is_own and model.inferer_type not in ("plugin", *names.step_engines):
        raise fail(
            f"{at}.type",
            "'continuous' is for step models: use inferer_type 'customized' and "
            "converter_type 'numpy', or inferer_type 'plugin'",
        )
    useless = {"max_threads": model.max_threads, "warm_up_requests": model.warm_up_requests}
    for key, value in useless.items():
        if value:
            raise fail(
                f"{at.removesuffix('.batching')}.{key}",
                "has no effect with batching.type 'continuous'; leave it out",
            )
    steps = batching.steps
    if steps is not None and steps.max_step_cost is not None:
        least = batching.max_batch_size + 1
        if steps.max_step_cost < least:
            raise fail(
                f"{at}.steps.max_step_cost",
                f"{steps.max_step_cost} is too small for max_batch_size "
                f"{batching.max_batch_size}; give at least {least}",
            )


def check_server(config: ServerConfig, names: KnownNames, fail: Fail) -> None:
    """Check the interface and GPU sections.

    Raises:
        ConfigError: The first rule that is broken.
    """
    interface = config.interface
    try:
        parse_ports(interface.port)
    except ValueError as error:
        raise fail("interface.port", f"{error}; write 7080 or 7080,7081") from error
    _check_custom_routes(config, fail)
    _check_ways_in(interface, fail)
    if config.gpu is not None:
        _check_gpu(config.gpu, names, fail)
    if config.auth is not None:
        check_keys(config.auth.keys, "auth.keys", fail)
        _check_certificates(config.auth.certificates, fail)
    _check_capture(config.capture, fail)
    sizes = config.limits
    if sizes.max_inflight_bytes is not None and sizes.max_inflight_bytes < sizes.max_request_bytes:
        raise fail(
            "limits.max_inflight_bytes",
            f"{sizes.max_inflight_bytes} is less than max_request_bytes, "
            f"{sizes.max_request_bytes}: the largest request would never be taken",
        )


def check_keys(keys: Sequence[KeyConfig], at: str, fail: Fail) -> None:
    """Check that each API key is listed once, and each name, and that none is empty.

    Raises:
        ConfigError: The first one that is listed twice, or is empty.
    """
    names: dict[str, int] = {}
    digests: dict[str, int] = {}
    for index, key in enumerate(keys):
        if key.sha256 == EMPTY_DIGEST:
            text = "it is the digest of an empty key; make a key with 'grpst key NAME'"
            raise fail(f"{at}[{index}].sha256", text)
        earlier = names.setdefault(key.name, index)
        if earlier != index:
            text = f"{key.name!r} is already the name of {at}[{earlier}]"
            raise fail(f"{at}[{index}].name", text)
        earlier = digests.setdefault(key.sha256, index)
        if earlier != index:
            text = f"it is the key of {at}[{earlier}]; a key has one name"
            raise fail(f"{at}[{index}].sha256", text)


def _check_certificates(certificates: Sequence[CertificateConfig], fail: Fail) -> None:
    subjects: dict[str, int] = {}
    for index, one in enumerate(certificates):
        earlier = subjects.setdefault(one.subject, index)
        if earlier != index:
            text = f"{one.subject!r} is already auth.certificates[{earlier}]"
            raise fail(f"auth.certificates[{index}].subject", text)


def _check_custom_routes(config: ServerConfig, fail: Fail) -> None:
    interface = config.interface
    switches = {"tfserving": config.tfserving.enabled, "torchserve": config.torchserve.enabled}
    protocols = [name for name, is_enabled in switches.items() if is_enabled]
    key = "interface.customized_predict_http"
    several = isinstance(interface.customized_predict_http, tuple)
    seen: set[str] = set()
    for index, route in enumerate(interface.customized_routes):
        here = f"{key}[{index}]" if several else key
        if route.path is None:
            if several:
                raise fail(here, "the route needs a path")
            continue
        fault = path_fault(route.path, protocols)
        if fault is not None:
            raise fail(f"{here}.path", fault)
        if route.path in seen:
            raise fail(f"{here}.path", f"{route.path!r} is the path of an earlier route")
        seen.add(route.path)


def _check_ways_in(interface: InterfaceConfig, fail: Fail) -> None:
    tls, proxies, cors = interface.tls, interface.proxy_protocol, interface.cors
    if tls is not None and tls.client_auth == "optional" and tls.client_ca is None:
        raise fail("interface.tls.client_auth", "has no effect without client_ca; add that")
    if tls is not None and tls.client_crl is not None and tls.client_ca is None:
        raise fail("interface.tls.client_crl", "has no effect without client_ca; add that")
    for index, host in enumerate(interface.hosts):
        if host != "*" and not HOST_NAME.fullmatch(host):
            text = f"{host!r} is not a host name; write one without scheme and port, or '*'"
            raise fail(f"interface.hosts[{index}]", text)
    if proxies is not None and not proxies.trusted:
        raise fail("interface.proxy_protocol.trusted", "at least one address is needed")
    for index, network in enumerate(proxies.trusted if proxies is not None else ()):
        try:
            ip_network(network)
        except ValueError as error:
            text = f"{error}; write an address or a range such as 10.0.0.0/8"
            raise fail(f"interface.proxy_protocol.trusted[{index}]", text) from error
    if cors is None:
        return
    if not cors.origins:
        raise fail("interface.cors.origins", "at least one origin is needed")
    if "*" in cors.origins and len(cors.origins) > 1:
        raise fail("interface.cors.origins", "'*' stands for all origins; leave out the others")
    if "*" in cors.origins and cors.credentials:
        text = "browsers refuse credentials for '*'; list the origins instead"
        raise fail("interface.cors.credentials", text)


def _check_capture(capture: CaptureConfig, fail: Fail) -> None:
    if capture.sample_ratio == 0:
        raise fail("capture.sample_ratio", "0 records nothing; use 0.01 for one request of 100")
    if capture.max_record_bytes > capture.max_bytes // 2:
        raise fail(
            "capture.max_record_bytes",
            f"{capture.max_record_bytes} is more than half of max_bytes, {capture.max_bytes}; "
            "lower it, or raise max_bytes",
        )
    for index, header in enumerate(capture.headers):
        if any(part in header.lower() for part in SECRET_HEADER_PARTS):
            raise fail(
                f"capture.headers[{index}]",
                f"{header!r} may have a secret, which is never recorded; leave it out",
            )


def _check_gpu(gpu: GpuConfig, names: KnownNames, fail: Fail) -> None:
    limit = gpu.mem_limit_mib
    if limit is not None and limit != -1 and limit < 1:
        raise fail("gpu.mem_limit_mib", f"expected -1 (no limit) or 1 and more; got {limit}")
    asked = "mem_limit_mib" if gpu.limits_memory else "mem_gc_enable"
    if gpu.mem_manager_type in (None, "none") and (gpu.limits_memory or gpu.mem_gc_enable):
        raise fail(
            f"gpu.{asked}",
            "needs to know whose memory: add 'mem_manager_type: "
            f"{names.memory_managers[0]}' (or {', '.join(names.memory_managers[1:])}), or leave "
            "it out",
        )
    elif gpu.mem_gc_enable and gpu.mem_manager_type not in names.memory_collectors:
        raise fail(
            "gpu.mem_gc_enable",
            f"{gpu.mem_manager_type} gives no memory back before its process ends; leave it out",
        )
