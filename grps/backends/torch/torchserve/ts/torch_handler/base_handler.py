"""The handler that other handlers derive from: loads a model and runs it on tensors."""

from __future__ import annotations

import abc
import importlib
import time
from pathlib import Path
from typing import Any

import torch

from grps.backends.torch.torchserve.programs import SERIALIZED, load_compiled, load_onnx
from grps.backends.torch.torchserve.ts.handler_utils.timer import timed
from grps.backends.torch.torchserve.ts.utils.util import (
    PredictionException,
    list_classes_from_module,
    load_label_mapping,
)
from grps.log import logger

NOT_IMPLEMENTED = 501


class BaseHandler(abc.ABC):  # noqa: B024 - handlers call it abstract, and override what they need
    """Loads a serialized model, or an eager one with its weights, and runs it."""

    def __init__(self) -> None:
        """Make a handler without a model."""
        self.model: Any = None
        self.mapping: dict[str, str] | None = None
        self.device: Any = None
        self.initialized = False
        self.context: Any = None
        self.model_pt_path: str | None = None
        self.manifest: Any = None
        self.map_location: str | None = None
        self.explain = False
        self.target = 0
        self.profiler_args: dict[str, Any] = {}
        self.model_yaml_config: dict[str, Any] = {}

    def initialize(self, context: Any) -> None:
        """Load the model that the manifest names.

        Raises:
            RuntimeError: The manifest names none that can be loaded.
        """
        self.model_yaml_config = getattr(context, "model_yaml_config", None) or {}
        properties = context.system_properties
        gpu_id = properties.get("gpu_id")
        self.map_location = "cuda" if torch.cuda.is_available() and gpu_id is not None else "cpu"
        name = f"cuda:{gpu_id}" if self.map_location == "cuda" else "cpu"
        self.device = torch.device(name)
        self.manifest = context.manifest
        model = self.manifest["model"]
        folder = Path(properties.get("model_dir"))
        serialized = model.get("serializedFile")
        self.model_pt_path = str(folder / serialized) if serialized else None
        model_file = model.get("modelFile", "")
        if model_file:
            self.model = self._load_pickled_model(str(folder), model_file, self.model_pt_path)
            self.model.to(self.device)
            self.model.eval()
        else:
            self.model = self._load_serialized()
        self._compile()
        self.mapping = load_label_mapping(str(folder / "index_to_name.json"))
        self.initialized = True

    def _load_serialized(self) -> Any:
        path = self.model_pt_path or ""
        if path.endswith((".pt", ".pth", ".ts")):
            model = self._load_torchscript_model(path)
            model.eval()
            return model
        if path.endswith(".onnx"):
            return load_onnx(path, on_gpu=self.map_location == "cuda")
        if path.endswith((".so", ".pt2")):
            return load_compiled(path, self.device)
        if not path:
            raise RuntimeError("No model weights could be loaded: the archive has no model")
        raise RuntimeError(
            f"No model weights could be loaded: {Path(path).name} is none of {SERIALIZED}; weights "
            "of an eager model need its --model-file, any other file a handler that loads it"
        )

    def _load_torchscript_model(self, model_pt_path: str) -> Any:
        return torch.jit.load(model_pt_path, map_location=self.device)

    def _load_pickled_model(
        self, model_dir: str, model_file: str, model_pt_path: str | None
    ) -> Any:
        if not (Path(model_dir) / model_file).is_file():
            raise RuntimeError("Missing the model.py file")
        module = importlib.import_module(model_file.split(".", maxsplit=1)[0])
        classes = list_classes_from_module(module)
        if len(classes) != 1:
            raise ValueError(f"Expected only one class as model definition. {classes}")
        model = classes[0]()
        if model_pt_path:
            model.load_state_dict(torch.load(model_pt_path, map_location=self.device))
        return model

    def _compile(self) -> None:
        """Compile the model if ``pt2`` of its configuration says so."""
        options = self.model_yaml_config.get("pt2")
        if options is None:
            return
        if isinstance(options, str):
            options = {"backend": options}
        options = dict(options.get("compile", options))
        if "export" in options or not options.pop("enable", True):
            return
        try:
            self.model = torch.compile(self.model, **options)
        except Exception:
            logger.warning("the model can't be compiled with %s", options, exc_info=True)

    @timed
    def preprocess(self, data: Any) -> Any:
        """Return the rows of the requests as a tensor."""
        return torch.as_tensor(data, device=self.device)

    @timed
    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the model on what ``preprocess`` returned."""
        with torch.inference_mode():
            return self.model(data.to(self.device), *args, **kwargs)

    @timed
    def postprocess(self, data: Any) -> Any:
        """Return one row per request of what ``inference`` returned."""
        return data.tolist()

    def handle(self, data: Any, context: Any) -> Any:
        """Run all steps on the requests of a batch."""
        began = time.perf_counter()
        self.context = context
        if self._is_describe():
            output: Any = [self.describe_handle()]
        elif self._is_explain():
            output = self.explain_handle(self.preprocess(data), data)
        else:
            output = self.postprocess(self.inference(self.preprocess(data)))
        elapsed_ms = round((time.perf_counter() - began) * 1000, 2)
        context.metrics.add_time("HandlerTime", elapsed_ms, None, "ms")
        return output

    def describe_handle(self) -> Any:
        """Return what a handler says of itself; one that does has a method of its own."""
        return None

    def explain_handle(self, data_preprocess: Any, raw_data: Any) -> Any:
        """Return what ``get_insights`` of a handler says of the first request.

        Raises:
            PredictionException: The handler has no ``get_insights``.
        """
        get_insights = getattr(self, "get_insights", None)
        if get_insights is None:
            raise PredictionException(
                f"{type(self).__name__} has no get_insights, so it explains nothing",
                NOT_IMPLEMENTED,
            )
        row = raw_data[0]
        inputs, target = None, 0
        if isinstance(row, dict):
            inputs, target = row.get("data") or row.get("body"), row.get("target") or 0
        return get_insights(data_preprocess, inputs, target)

    def get_device(self) -> Any:
        """Return the device of the model."""
        return self.device

    def _is_describe(self) -> bool:
        return self._has_header("describe")

    def _is_explain(self) -> bool:
        if self._has_header("explain"):
            self.explain = True
            return True
        return False

    def _has_header(self, name: str) -> bool:
        return bool(self.context) and self.context.get_request_header(0, name) == "True"
