"""A word model that writes on from a text, one token at a time, as an RNN or an LLM would."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grps import GrpsContext, ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage

TOKENS = 20


class Writer(ModelInferer):
    """Knows which word may follow which; learnt at load from a text."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Remember where the text is."""
        super().init(path, device, args)

    def load(self) -> bool:
        """Learn the words that follow each word."""
        words = Path(self._path or "").read_text(encoding="utf-8").split()
        self.followers: dict[str, list[str]] = {}
        for word, follower in zip(words, words[1:] + words[:1], strict=True):
            self.followers.setdefault(word, []).append(follower)
        return True

    def write(self, prompt: str) -> Iterator[str]:
        """Yield tokens that follow the prompt; the same prompt gives the same tokens."""
        chance = random.Random(prompt)
        word = (prompt.split() or ["the"])[-1]
        for _ in range(TOKENS):
            word = chance.choice(self.followers.get(word, self.followers["the"]))
            yield word


class ByCalls(Writer):
    """Sends each token itself, and stops when the client has left."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage | None:
        """Stream if the client asked for it, else answer the whole text."""
        if not context.if_streaming():
            return GrpsMessage(str_data=" ".join(self.write(inp.str_data)))
        for token in self.write(inp.str_data):
            if context.if_disconnected():
                break
            context.stream_respond(GrpsMessage(str_data=token))
        return None


class AsGenerator(Writer):
    """What it yields is streamed; GRPS stops it when the client has left."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> Iterator[GrpsMessage]:
        """Yield one message per token."""
        for token in self.write(inp.str_data):
            yield GrpsMessage(str_data=token)


inferer_register.register("calls", ByCalls())
inferer_register.register("generator", AsGenerator())
