"""PyTorch: TorchScript, torch.export and AOTInductor."""
