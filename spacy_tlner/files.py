"""Files that are there whole or not at all; and whether they are still what they were."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_whole(path: Path, data: bytes) -> None:
    """Write beside `path`, then put it in its place: a reader never sees half a file, nor does a crash leave one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def fingerprint(files: Iterable[Path]) -> str:
    """A number for the names of files and what they hold. Raises OSError."""
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size} ".encode())
        with path.open("rb") as content:
            while piece := content.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def may_be_replaced(path: Path, is_ours: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether nothing stands there, or an empty folder, or a pipeline that an earlier run of a command left.

    is_ours: asked of the pipeline's meta.json. A pipeline that someone trained, for hours perhaps, should be none.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return True
    try:
        return is_ours(json.loads((path / "meta.json").read_text(encoding="utf8")))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


@contextmanager
def set_aside(files: Iterable[Path]) -> Iterator[None]:
    """Files out of the way, removed if all goes well and put back if not. Raises OSError."""
    aside = {path: path.with_name(f".{path.name}.{os.getpid()}.old") for path in files}
    try:
        for path, old in aside.items():
            path.replace(old)
        yield
    except BaseException:
        for path, old in aside.items():
            if old.exists():
                old.replace(path)
        raise
    for old in aside.values():
        old.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` to write to, which takes the place of `path` if all goes well.

    A failure leaves what stood there. Raises OSError.
    """
    # beside it, since a rename is only atomic within one file system
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{kind}") for kind in ("part", "old"))
    try:
        part.mkdir(parents=True)
        yield part
        if path.exists():
            # a folder cannot be replaced in one step; of the two, one always stands
            os.replace(path, old)
        try:
            os.replace(part, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
    finally:
        # also after an interrupt between the two renames
        if old.exists() and not path.exists():
            os.replace(old, path)
        for rest in (part, old):
            shutil.rmtree(rest, ignore_errors=True)
