"""The lock of everything that layers remember."""

import os
import threading
from contextlib import AbstractContextManager

# One for all caches: a lock inside a shim could not be pickled for the workers of nlp.pipe.
_lock = threading.RLock()


def cache_lock() -> AbstractContextManager[bool]:
    """To be held while a cache is read or changed; whoever holds it may take it again."""
    return _lock


def _renew_lock() -> None:
    """Another thread of the parent may have held the lock when this process was forked."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
