"""The nodes around the three models: from bytes to boxes, and from scores to text."""

from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from grps import GrpsContext, GrpsMessage, ModelInferer, grps_pb2, inferer_register
from src import packaged_models
from src.lines import find_lines
from src.pictures import decode, for_detector, normalize, strip

HEIGHT = 48
FACE_WIDTH = 192
"""What the second model looks at to tell which way a line stands."""
WIDEST = 1280
SURELY_TURNED = 0.9

Arrays = dict[str, np.ndarray]


class Node(ModelInferer):
    """A node without a model file."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Nothing to remember."""

    def load(self) -> bool:
        """Nothing to load."""
        return True


class Prepare(Node):
    """Reads the picture of a request."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Return ``picture``, uint8 [H, W, 3], scaled for the detector, and its first ``size``."""
        picture = decode(inp.bin_data)
        pixels = np.asarray(for_detector(picture))
        answer = GrpsMessage()
        tensors = answer.gtensors.tensors
        size = tensors.add(name="size", dtype=grps_pb2.DT_INT32, shape=[2])
        size.flat_int32.extend(picture.size)
        tensor = tensors.add(name="picture", dtype=grps_pb2.DT_UINT8, shape=pixels.shape)
        tensor.flat_uint8.extend(pixels.tobytes())
        return answer


class Scale(Node):
    """Turns bytes into numbers."""

    def infer(self, inp: Arrays, context: GrpsContext) -> Arrays:
        """Return ``x``, float32 [1, 3, H, W] from -1 to 1."""
        return {"x": normalize(inp["picture"])[np.newaxis]}


class Cut(Node):
    """Cuts the lines out of the picture."""

    def infer(self, inp: Arrays, context: GrpsContext) -> Arrays:
        """Return ``boxes`` and their ``count``; the lines as ``faces`` and as ``strips``."""
        picture = Image.fromarray(inp["picture"])
        boxes = find_lines(inp["likely"][0, 0])
        lines = [picture.crop(box) for box in boxes]
        widths = [round(line.width * HEIGHT / line.height) for line in lines]
        width = min(WIDEST, max([FACE_WIDTH, *widths]))
        scale = np.tile(inp["size"] / picture.size, 2)
        return {
            "boxes": (np.array(boxes).reshape(-1, 4) * scale).round().astype(np.int32),
            "count": np.array(len(boxes)),
            "faces": self._stack(lines, FACE_WIDTH),
            "strips": self._stack(lines, width),
        }

    def _stack(self, lines: list[Image.Image], width: int) -> np.ndarray:
        strips = [normalize(strip(line, HEIGHT, width)) for line in lines]
        return np.array(strips, np.float32).reshape(-1, 3, HEIGHT, width)


class Turn(Node):
    """Turns the lines that stand upside down."""

    def infer(self, inp: Arrays, context: GrpsContext) -> Arrays:
        """Return ``x``: the strips, those turned that surely stand upside down."""
        strips = inp["strips"].copy()
        for index in np.flatnonzero(inp["scores"][:, 1] > SURELY_TURNED):
            filled = np.flatnonzero((strips[index] != strips[index, :, :1, -1:]).any((0, 1)))
            width = int(filled[-1]) + 1 if len(filled) else strips.shape[-1]
            strips[index, :, :, :width] = strips[index, :, ::-1, width - 1 :: -1]
        return {"x": strips}


class Read(Node):
    """Turns the scores of characters into text."""

    def load(self) -> bool:
        """Take the characters from the model that scores them."""
        model = packaged_models.model_file("PP-OCRv6_rec_small.onnx")
        session = onnxruntime.InferenceSession(str(model))
        told = session.get_modelmeta().custom_metadata_map["character"]
        self._characters = ["", *told.split("\n"), " "]
        return True

    def infer(self, inp: Arrays, context: GrpsContext) -> Arrays:
        """Return ``text`` and ``confidence`` of each line; both are empty when there is none."""
        scores = inp.get("scores", np.zeros((0, 1, 1), np.float32))
        read = [self._read(line) for line in scores]
        return {
            "text": np.array([text for text, _ in read], dtype=object),
            "confidence": np.array([sure for _, sure in read], np.float32),
        }

    def _read(self, scores: np.ndarray) -> tuple[str, float]:
        """Take the likeliest character of each step; repeated ones and blanks are none."""
        best = scores.argmax(axis=1)
        kept = (best != 0) & (best != np.concatenate(([0], best[:-1])))
        text = "".join(self._characters[index] for index in best[kept])
        return text, float(scores.max(axis=1)[kept].mean()) if kept.any() else 0.0


NODES = {"prepare": Prepare, "scale": Scale, "cut": Cut, "turn": Turn, "read": Read}
for name, node in NODES.items():
    inferer_register.register(name, node())
