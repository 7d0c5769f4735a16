"""One command at a time on the same thing, also across processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from infra.errors import OperatorError


@contextmanager
def exclusive(path: Path, *, wait: bool, busy: str) -> Iterator[None]:
    """Hold a lock file; when another process holds it, wait or say that it is `busy`.

    The holder may remove the file.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise OperatorError(busy) from None
            if _is_at(lock, path):
                yield
                return
        # The holder before us removed it: whoever comes next would lock another file.


def _is_at(lock: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False
