"""Latencies of batches, measured with the engines as the server loads them."""
