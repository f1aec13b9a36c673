"""Services on this machine: starting, watching and stopping their processes."""
