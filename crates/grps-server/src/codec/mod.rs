//! Wire bytes to tensors and back.
