"""How every command says that it failed. No command of its own."""

from typing import NoReturn


def fail(error: Exception | str) -> NoReturn:
    """Print what is wrong and end with 1. Faults that stand a line each stay so: wasabi would run them together."""
    from wasabi import msg

    first, *lines = str(error).split("\n")
    msg.fail(first)
    if lines:
        print("\n".join(lines))
    raise SystemExit(1)
