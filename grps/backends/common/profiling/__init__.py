"""What the profilers of several engines need: spans of time, and operations of operators."""
