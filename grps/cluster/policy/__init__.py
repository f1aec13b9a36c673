"""What to start, stop and scale: decisions without clocks, processes or sockets."""
