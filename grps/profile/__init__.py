"""Where a model spends its time: operators, user code, curves, memory, and this machine's limits.

``grpst profile`` is a front of it, and so may other tools be.
"""
