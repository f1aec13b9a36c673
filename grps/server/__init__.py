"""The server process: configuration to models to the native data plane."""
