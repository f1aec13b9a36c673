"""The network: an encoder of sound, and a decoder that reads one token per sequence and step."""

import torch
from torch.nn.functional import conv1d, gelu, layer_norm, linear
from torch.nn.functional import scaled_dot_product_attention as attention

LAYERS, HEADS, WIDTH = 4, 6, 384


class Whisper:
    """Whisper (tiny.en)."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        """Use these weights, by the names of CTranslate2."""
        self._weights = weights

    def encode(self, features: torch.Tensor) -> torch.Tensor:
        """Return keys and values of the sound for the decoder.

        Args:
            features: ``[bands, times]``.

        Returns:
            ``[layers, 2, heads, times, size]``.
        """
        x = self._convolve("encoder/conv1", features[None], stride=1)
        x = self._convolve("encoder/conv2", x, stride=2).transpose(1, 2)
        x = x + self._of("encoder/position_encodings/encodings")
        for layer in range(LAYERS):
            name = f"encoder/layer_{layer}"
            query, key, value = self._heads(self._project(f"{name}/self_attention", x), 3)
            x = x + self._joined(f"{name}/self_attention/linear_1", attention(query, key, value))
            x = x + self._feed_forward(f"{name}/ffn", x)
        x = self._norm("encoder", x)
        names = [f"decoder/layer_{layer}/attention/linear_1" for layer in range(LAYERS)]
        return torch.cat([torch.stack(self._heads(self._linear(n, x), 2), 1) for n in names])

    def decode(
        self,
        token: torch.Tensor,
        position: torch.Tensor,
        cache: torch.Tensor,
        sound: torch.Tensor,
    ) -> torch.Tensor:
        """Read the next token of each sequence.

        Args:
            token: ``[sequences]``.
            position: Its position, ``[sequences]``.
            cache: Keys and values of the tokens before, to which those of this one are added;
                ``[sequences, layers, 2, heads, positions, size]``.
            sound: What ``encode`` returned, ``[sequences, ...]``.

        Returns:
            A score for each next token, ``[sequences, tokens]``.
        """
        rows, stop = torch.arange(len(token)), int(position.max()) + 1
        read = (torch.arange(stop) <= position[:, None])[:, None, None]
        embeddings = self._of("decoder/embeddings/weight")
        positions = self._of("decoder/position_encodings/encodings")
        x = (embeddings[token] + positions[position])[:, None]
        for layer in range(LAYERS):
            name = f"decoder/layer_{layer}"
            query, key, value = self._heads(self._project(f"{name}/self_attention", x), 3)
            cache[rows, layer, :, :, position] = torch.stack([key, value], 1)[..., 0, :]
            keys, values = cache[:, layer, :, :, :stop].unbind(1)
            found = attention(query, keys, values, attn_mask=read)
            x = x + self._joined(f"{name}/self_attention/linear_1", found)
            (query,) = self._heads(self._project(f"{name}/attention", x), 1)
            found = attention(query, sound[:, layer, 0], sound[:, layer, 1])
            x = x + self._joined(f"{name}/attention/linear_2", found)
            x = x + self._feed_forward(f"{name}/ffn", x)
        return self._norm("decoder", x)[:, 0] @ embeddings.T

    def _of(self, name: str) -> torch.Tensor:
        return self._weights[name]

    def _convolve(self, name: str, x: torch.Tensor, stride: int) -> torch.Tensor:
        weight, bias = self._of(f"{name}/weight"), self._of(f"{name}/bias")
        return gelu(conv1d(x, weight, bias, stride, padding=1))

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self._of(f"{name}/weight"), self._of(f"{name}/bias"))

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        of = f"{name}/layer_norm"
        return layer_norm(x, (WIDTH,), self._of(f"{of}/gamma"), self._of(f"{of}/beta"))

    def _project(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return self._linear(f"{name}/linear_0", self._norm(name, x))

    def _feed_forward(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return self._linear(f"{name}/linear_1", gelu(self._project(name, x)))

    def _heads(self, x: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
        """Divide ``[sequences, times, ...]`` into parts of ``[sequences, heads, times, size]``."""
        divided = x.view(*x.shape[:2], parts, HEADS, WIDTH // HEADS)
        return divided.permute(2, 0, 3, 1, 4).unbind()

    def _joined(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Undo ``_heads``, and project."""
        return self._linear(name, x.transpose(1, 2).flatten(2))
