"""What several commands show while they read. No command of its own."""

from collections.abc import Iterable, Iterator


def tokenizing(texts: Iterable[str], doing: str = "Tokenizing") -> Iterator[str]:
    """The texts, counted on a bar that appears with the first: until then it would stand in the way of messages.

    No bar where nobody looks, in a log: it would be most of the log.
    """
    from tqdm import tqdm

    yield from tqdm(texts, desc=doing, unit=" texts", disable=None)
