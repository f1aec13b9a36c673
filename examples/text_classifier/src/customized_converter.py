"""Text to words, and probabilities to an answer."""

import re
from typing import Any

from grps import Converter, GrpsContext, InputError, converter_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Words(Converter):
    """Reads ``str_data``; answers a map from label to probability."""

    def init(self, path: str | None = None, args: Any = None) -> None:
        """There is nothing to prepare."""

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> list[str]:
        """Split a text into lower-case words."""
        words = re.findall(r"[a-z]+", inp.str_data.lower())
        if not words:
            raise InputError("send a text with at least one word in str_data")
        return words

    def postprocess(self, inp: dict[str, float], context: GrpsContext) -> GrpsMessage:
        """Put the probabilities into ``gmap.s_d``."""
        answer = GrpsMessage()
        answer.gmap.s_d.update(inp)
        return answer


converter_register.register("words", Words())
