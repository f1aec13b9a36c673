"""The server of a model file in a terminal: its errors name the flags that were given there.

``python -m grps.cli.serving.foreground ENGINE ...``; the rest is that of ``python -m grps.server``.
"""

from __future__ import annotations

import sys
from functools import partial

from grps.cli.serving.flag_words import with_flags
from grps.server.__main__ import main
from grps.server.ending import run_and_end

if __name__ == "__main__":
    engine = sys.argv.pop(1)
    run_and_end(lambda: main(partial(with_flags, engine=engine)))
