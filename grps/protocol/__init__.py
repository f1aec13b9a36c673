"""Messages and tensors as the wire protocol has them."""
