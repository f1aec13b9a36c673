"""A step model of tests that returns given tokens, and clients of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from tokenizers import AddedToken, Tokenizer, decoders, models

from tests.raw_http import connect, request
from tests.support import GUARD_S, RunningServer, user_model, write_user_project
from tests.tensors import arrays_of, arrays_of_message, gtensors, to_message

CODE = '''
import time
from pathlib import Path

import numpy as np

from grps import StepModel, StepResult, inferer_register, top_logprobs

VOCABULARY = 300


class Recited(StepModel):
    """Returns the tokens of its input, one in each step; then it goes on if ``endless`` says so."""

    slots = {"at": "int64"}

    def load(self):
        pass

    def note(self, name, line):
        with open(f"{self.args['notes']}-{name}", "a") as file:
            file.write(f"{line}\\n")

    def begin(self, requests):
        return [self.state_of(one) for one in requests]

    def state_of(self, request):
        made = request.outputs.get("token", np.zeros(0, np.int32))
        tokens = request.inputs["tokens"]
        assert made.tolist() == tokens[: len(made)].tolist(), "the outputs are tokens"
        assert not {"text", "finish_reason"} & set(request.outputs)
        self.note("begun", f"{len(tokens)} {len(made)}")
        ends = "endless" not in request.inputs
        return {"at": len(made), "tokens": tokens, "ends": ends}

    def step(self, batch):
        while Path(f"{self.args['notes']}-hold").exists():
            time.sleep(0.002)
        time.sleep(self.args.get("delay", 0))
        self.note("rows", " ".join(str(len(state["tokens"])) for state in batch.states))
        rows = [(state["tokens"], int(at)) for state, at in zip(batch.states, batch["at"])]
        tokens = np.array([tokens[at % len(tokens)] for tokens, at in rows], np.int32)
        outputs = {"token": tokens, "at": batch["at"].copy()}
        batch["at"] += 1
        ends = [state["ends"] for state in batch.states]
        finished = [one and at + 1 >= len(t) for one, (t, at) in zip(ends, rows)]
        return StepResult(self.changed(outputs), finished)

    def changed(self, outputs):
        return outputs

    def end(self, states):
        for state in states:
            self.note("ended", len(state["tokens"]))


class Scored(Recited):
    def changed(self, outputs):
        logits = np.zeros((len(outputs["token"]), VOCABULARY), np.float32)
        logits[np.arange(len(logits)), outputs["token"]] = 5
        logprobs, top_ids, top_logprobs_ = top_logprobs(logits, outputs["token"], 3)
        return {**outputs, "logprob": logprobs, "top": top_ids, "top_logprob": top_logprobs_}


class Padded(Recited):
    def changed(self, outputs):
        return {**outputs, "pad": np.zeros((len(outputs["token"]), 4096), np.float32)}


class Wrong(Recited):
    """Returns tokens of the kind that the first token names."""

    def changed(self, outputs):
        tokens = outputs["token"]
        kinds = {
            1: {"ids": tokens},
            2: {"token": tokens.astype(np.float32)},
            3: {"token": np.stack([tokens, tokens], 1)},
            4: {"token": -tokens},
            5: {"token": tokens, "text": tokens},
            6: {"token": tokens, "finish_reason": tokens},
            7: {"token": tokens[:, None].astype(np.int16)},
        }
        return kinds[int(tokens[0])]


for name, kind in ("recited", Recited), ("scored", Scored), ("padded", Padded), ("wrong", Wrong):
    inferer_register.register(name, kind())
'''

END = 256
"""The special token of the tokenizer, which has a token for each byte besides."""
WORD = 257
"""A token with several characters."""


def byte_tokenizer() -> Tokenizer:
    """A tokenizer with a token for each byte, whose number is the byte."""
    alphabet = {_character(byte): byte for byte in range(256)}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("</s>", special=True)])
    tokenizer.add_tokens([AddedToken("word 世界", normalized=False)])
    return tokenizer


def _character(byte: int) -> str:
    """The character of a byte in the alphabet of byte-level tokenizers."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    if byte in printable:
        return chr(byte)
    return chr(0x100 + sorted(set(range(256)) - set(printable)).index(byte))


def fallback_tokenizer() -> Tokenizer:
    """A tokenizer with byte fallback, as Llama 2 has it; byte ``n`` is token ``n + 1``."""
    words = ["▁the", "▁dog", "s", "é", "▁"]
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    vocabulary = {name: index for index, name in enumerate(names)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens([AddedToken("</s>", special=True)])
    return tokenizer


def text_model(
    name: str,
    text: dict[str, Any] | None = None,
    steps: dict[str, Any] | None = None,
    slots: int = 4,
    **keys: Any,
) -> dict[str, Any]:
    """The configuration of a step model of ``CODE`` whose text is made."""
    text = {"tokenizer": "bytes.json", **(text or {})}
    return user_model(
        name,
        **{
            "inferer_name": "recited",
            "inferer_args": {"notes": name},
            "converter_type": "numpy",
            "batching": {
                "type": "continuous",
                "max_batch_size": slots,
                "steps": {**(steps or {}), "text": text},
            },
            **keys,
        },
    )


def write_text_project(folder: Path, all_models: list[dict[str, Any]]) -> Path:
    """Write a project with step models of ``CODE`` and the two tokenizers."""
    write_user_project(folder, all_models, code=CODE)
    byte_tokenizer().save(str(folder / "bytes.json"))
    fallback_tokenizer().save(str(folder / "fallback.json"))
    return folder


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a stream, or a whole answer."""

    text: str
    tokens: list[int]
    at: list[int]
    finish_reason: str | None

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Piece:
        """Read the outputs of one."""
        assert arrays["text"].shape == (1,)
        (text,) = arrays["text"].tolist()
        reason = arrays.get("finish_reason")
        if reason is not None:
            assert reason.shape == (1,)
        return cls(
            text,
            arrays["token"].tolist(),
            arrays["at"].tolist(),
            None if reason is None else reason.tolist()[0],
        )


def inputs(tokens: Sequence[int], stop: Sequence[str] | None, endless: bool) -> dict[str, Any]:
    """The input of a sequence."""
    found: dict[str, Any] = {"tokens": np.array(tokens, np.int64)}
    if stop is not None:
        found["stop"] = np.array(stop, dtype=object)
    if endless:
        found["endless"] = np.ones(1, np.int64)
    return found


class TextClient:
    """A client of one model."""

    def __init__(self, server: RunningServer, model: str) -> None:
        self._server = server
        self.model = model

    def post(
        self, tokens: Sequence[int], stop: Sequence[str] | None = None, **keys: Any
    ) -> requests.Response:
        """Ask for a whole answer."""
        endless = keys.pop("endless", False)
        body = {"gtensors": gtensors(inputs(tokens, stop, endless))}
        return self._server.post(body, f"?model={self.model}", **keys)

    def arrays(self, *arguments: Any, **keys: Any) -> dict[str, np.ndarray]:
        """Ask for all outputs of a whole answer."""
        answer = self.post(*arguments, **keys)
        assert answer.status_code == 200, answer.text
        return arrays_of(answer.json()["gtensors"])

    def whole(self, *arguments: Any, **keys: Any) -> Piece:
        """Ask for a whole answer."""
        return Piece.of(self.arrays(*arguments, **keys))

    def stream(
        self, tokens: Sequence[int], stop: Sequence[str] | None = None, **keys: Any
    ) -> list[Piece]:
        """Ask for a stream over HTTP; each chunk."""
        body = {"gtensors": gtensors(inputs(tokens, stop, keys.pop("endless", False)))}
        path = f"/grps/v1/infer/predict?streaming=true&model={self.model}"
        with connect(self._server.ports[0]) as connection:
            connection.send(request(json.dumps(body).encode(), keys.get("headers"), path))
            head = connection.head()
            assert head.status == 200
            return [piece for chunk in connection.chunks() for piece in _pieces(chunk)]

    def stream_grpc(
        self, tokens: Sequence[int], stop: Sequence[str] | None = None, *, endless: bool = False
    ) -> list[Piece]:
        """Ask for a stream over gRPC; each message."""
        message = to_message(inputs(tokens, stop, endless), self.model)
        with self._server.stub() as stub:
            return [
                Piece.of(_texts(arrays_of_message(one)))
                for one in stub.PredictStreaming(message, timeout=GUARD_S)
                if one.HasField("gtensors")
            ]

    def whole_grpc(self, tokens: Sequence[int], stop: Sequence[str] | None = None) -> Piece:
        """Ask for a whole answer over gRPC."""
        message = to_message(inputs(tokens, stop, False), self.model)
        with self._server.stub() as stub:
            return Piece.of(_texts(arrays_of_message(stub.Predict(message, timeout=GUARD_S))))

    def noted(self, name: str) -> list[str]:
        """What the model has noted."""
        return self._server.noted(f"{self.model}-{name}")

    def hold(self) -> None:
        """Let no step end."""
        (self._server.folder / f"{self.model}-hold").touch()

    def release(self) -> None:
        """Let steps end."""
        (self._server.folder / f"{self.model}-hold").unlink(missing_ok=True)

    def ended_for(self, reason: str) -> float:
        """How many sequences have ended for a reason."""
        page = requests.get(self._server.url("/metrics"), timeout=GUARD_S).text
        key = f'grps_model_ended_sequences_total{{model="{self.model}-1.0.0",reason="{reason}"}}'
        return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith(key))


def _texts(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Strings of protobuf are bytes where any bytes may be in them."""

    def text(value: Any) -> Any:
        return value.decode() if isinstance(value, bytes) else value

    return {
        name: np.array([text(one) for one in array.ravel()], dtype=object).reshape(array.shape)
        if array.dtype == object
        else array
        for name, array in arrays.items()
    }


def _pieces(chunk: bytes) -> Iterator[Piece]:
    decoder, text, at = json.JSONDecoder(), chunk.decode(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        if "gtensors" in value:
            yield Piece.of(arrays_of(value["gtensors"]))
        while at < len(text) and text[at].isspace():
            at += 1
