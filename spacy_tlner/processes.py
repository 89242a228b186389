"""What must hold in worker processes of `nlp.pipe(n_process=...)`."""

import os
import sys


def _one_torch_thread() -> None:
    """torch's thread pool does not survive a fork: a child that asks for it waits for ever. One thread needs none."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def keep_forks_alive() -> None:
    """Let every process forked from this one compute with one torch thread."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_one_torch_thread)
