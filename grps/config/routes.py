"""Paths of customized routes: which of them a service can serve beside its own."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote

PREDICT_PATH = "/grps/v1/infer/predict"
"""The one route of the service that a customized one may be."""
OWN_PATHS = (
    "/",
    "/GrpsBrpcService/CheckLiveness",
    "/GrpsBrpcService/CheckReadiness",
    "/GrpsBrpcService/ModelMetadata",
    "/GrpsBrpcService/Offline",
    "/GrpsBrpcService/Online",
    "/GrpsBrpcService/Predict",
    "/GrpsBrpcService/PredictByHttp",
    "/GrpsBrpcService/ServerMetadata",
    "/GrpsBrpcService/{method}",
    "/grps.protos.v1.GrpsBrpcService/CheckLiveness",
    "/grps.protos.v1.GrpsBrpcService/CheckReadiness",
    "/grps.protos.v1.GrpsBrpcService/ModelMetadata",
    "/grps.protos.v1.GrpsBrpcService/Offline",
    "/grps.protos.v1.GrpsBrpcService/Online",
    "/grps.protos.v1.GrpsBrpcService/Predict",
    "/grps.protos.v1.GrpsBrpcService/PredictByHttp",
    "/grps.protos.v1.GrpsBrpcService/ServerMetadata",
    "/grps.protos.v1.GrpsBrpcService/{method}",
    "/metrics",
    "/openapi.json",
    "/grps/v1/admin/capture",
    "/grps/v1/admin/capture/records",
    "/grps/v1/admin/capture/start",
    "/grps/v1/admin/capture/stop",
    "/grps/v1/admin/log-level",
    "/grps/v1/admin/logs",
    "/grps/v1/admin/models",
    "/grps/v1/admin/models/{model}/{action}",
    "/grps/v1/admin/services",
    "/grps/v1/admin/services/{name}/endpoints",
    "/grps/v1/admin/traffic",
    "/grps/v1/admin/traffic/{model}/{action}",
    "/grps/v1/health/live",
    "/grps/v1/health/offline",
    "/grps/v1/health/online",
    "/grps/v1/health/ready",
    "/grps/v1/infer/predict/ws",
    "/grps/v1/metadata/model",
    "/grps/v1/metadata/server",
    "/grps/v1/monitor/live",
    "/grps/v1/monitor/metrics",
    "/grps/v1/monitor/models",
    "/grps/v1/monitor/names",
    "/grps/v1/monitor/requests",
    "/grps/v1/monitor/series",
    "/grps/v1/monitor/trends",
    "/v2",
    "/v2/cudasharedmemory/region/{region}/register",
    "/v2/cudasharedmemory/region/{region}/status",
    "/v2/cudasharedmemory/region/{region}/unregister",
    "/v2/cudasharedmemory/status",
    "/v2/cudasharedmemory/unregister",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/logging",
    "/v2/models/stats",
    "/v2/models/{model}",
    "/v2/models/{model}/config",
    "/v2/models/{model}/generate",
    "/v2/models/{model}/generate_stream",
    "/v2/models/{model}/infer",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/stats",
    "/v2/models/{model}/trace/setting",
    "/v2/models/{model}/versions/{version}",
    "/v2/models/{model}/versions/{version}/config",
    "/v2/models/{model}/versions/{version}/generate",
    "/v2/models/{model}/versions/{version}/generate_stream",
    "/v2/models/{model}/versions/{version}/infer",
    "/v2/models/{model}/versions/{version}/ready",
    "/v2/models/{model}/versions/{version}/stats",
    "/v2/models/{model}/versions/{version}/trace/setting",
    "/v2/repository/index",
    "/v2/repository/models/{model}/load",
    "/v2/repository/models/{model}/unload",
    "/v2/systemsharedmemory/region/{region}/register",
    "/v2/systemsharedmemory/region/{region}/status",
    "/v2/systemsharedmemory/region/{region}/unregister",
    "/v2/systemsharedmemory/status",
    "/v2/systemsharedmemory/unregister",
    "/v2/trace/setting",
)
"""The other HTTP routes of a service; a test compares them with the native route table."""
OPTIONAL_PATHS = {
    # A customized route may take the place of each of these, as plugins for language models do.
    "openai": (
        "/detokenize",
        "/rerank",
        "/tokenize",
        "/v1/audio/transcriptions",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/rerank",
        "/v1/responses",
    ),
    "tfserving": (
        "/v1/models/{model}",
        "/v1/models/{model}/labels/{label}",
        "/v1/models/{model}/labels/{label}/metadata",
        "/v1/models/{model}/labels/{label}:classify",
        "/v1/models/{model}/labels/{label}:predict",
        "/v1/models/{model}/labels/{label}:regress",
        "/v1/models/{model}/metadata",
        "/v1/models/{model}/versions/{version}",
        "/v1/models/{model}/versions/{version}/metadata",
        "/v1/models/{model}/versions/{version}:classify",
        "/v1/models/{model}/versions/{version}:predict",
        "/v1/models/{model}/versions/{version}:regress",
        "/v1/models/{model}:classify",
        "/v1/models/{model}:predict",
        "/v1/models/{model}:regress",
    ),
    "torchserve": (
        "/explanations/{model}",
        "/explanations/{model}/{version}",
        "/models",
        "/models/{model}",
        "/models/{model}/{version}",
        "/ping",
        "/predictions/{model}",
        "/predictions/{model}/{version}",
        "/v1/models/{*model}",
        "/wfpredict/{*workflow}",
        "/workflows",
        "/workflows/{*workflow}",
    ),
}
"""The HTTP routes of each protocol that is off by default, or makes room for others."""
SAFE = "/%:@!$&'()*+,;="
"""What has a meaning of its own in a path, beside letters and digits."""

_RESTS = re.compile(r"\\{\\\*\w+\\}")
_UNUSABLE = re.compile(r"[?#\s\x00-\x1f\x7f]")


def path_fault(path: str, protocols: Collection[str] = ()) -> str | None:
    """Return why a service can't serve a customized route at ``path``; ``None`` when it can.

    Args:
        path: The path.
        protocols: What the service serves of the protocols that are off by default.
    """
    if not path.startswith("/"):
        return f"{path!r} must start with '/'"
    if _UNUSABLE.search(path):
        return f"{path!r} must be a path alone, without spaces, '?' and '#'"
    if not path.isascii():
        return f"{path!r} must be written as clients send it: {quote(path, safe=SAFE)!r}"
    optional = [own for name in protocols for own in OPTIONAL_PATHS.get(name, ())]
    own = next((own for own in (*OWN_PATHS, *optional) if _pattern(own).fullmatch(path)), None)
    if own is not None:
        return (
            f"{path!r} is a route of the service itself; choose another path, such as "
            "'/custom_predict'"
        )
    return None


def _pattern(own: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", _RESTS.sub(".+", re.escape(own))))
