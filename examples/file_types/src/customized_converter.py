"""The bytes of a file to the model's tokens, and its scores to the likeliest types."""

from typing import Any

import numpy as np

from grps import Converter, GrpsContext, InputError, converter_register
from grps.protocol.pb.grps_pb2 import GrpsMessage
from src import magika_package

ANSWERS = 3


class FileBytes(Converter):
    """Reads ``bin_data``; answers the three likeliest file types with their probabilities."""

    def init(self, path: str | None = None, args: Any = None) -> None:
        """Read the sizes and labels of the model."""
        self.settings = magika_package.settings()

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> np.ndarray:
        """Return the tokens of the file's start and end, int32 of shape [1, tokens]."""
        if not inp.bin_data:
            raise InputError("send the file's bytes as application/octet-stream")
        block, sizes = self.settings["block_size"], self.settings
        first = inp.bin_data[:block].lstrip()[: sizes["beg_size"]]
        last = inp.bin_data[-block:].rstrip()[-sizes["end_size"] :]
        tokens = np.full(
            (1, sizes["beg_size"] + sizes["end_size"]), sizes["padding_token"], np.int32
        )
        tokens[0, : len(first)] = list(first)
        tokens[0, tokens.shape[1] - len(last) :] = list(last)
        return tokens

    def postprocess(self, inp: dict[str, np.ndarray], context: GrpsContext) -> GrpsMessage:
        """Put the likeliest types into ``gmap.s_d``."""
        scores = inp["target_label"][0]
        labels = self.settings["target_labels_space"]
        answer = GrpsMessage()
        for index in np.argsort(scores)[::-1][:ANSWERS]:
            answer.gmap.s_d[labels[index]] = float(scores[index])
        return answer


converter_register.register("file_bytes", FileBytes())
