"""Starts MiniStack on a bare interpreter; run as a script with `python -I`, never imported.

Its argument is the folder with MiniStack's packages; it ends when its stdin does.
"""

import os
import signal
import sys
import threading
import time
from importlib import import_module

GRACE_SECONDS = 4


def end_with_owner() -> None:
    """Wait for the owner: one byte sets us free, end of file means it is gone."""
    # os.read and not sys.stdin: a thread inside a buffered reader breaks the interpreter's exit.
    if os.read(0, 1):
        return
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)  # our own group: us and the functions we started


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    threading.Thread(target=end_with_owner, daemon=True).start()
    sys.argv = ["ministack"]

    # Not a dependency of ours: it lies in the folder just named.
    import_module("ministack.app").main()
