"""Decoders whose weights are in safetensors files, on PyTorch."""
