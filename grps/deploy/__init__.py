"""Services on this machine: their folders, their processes, their logs."""
