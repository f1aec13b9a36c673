"""One transport per protocol, each for blocking and for asynchronous clients."""
