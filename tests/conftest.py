"""What all tests share: how hypothesis draws examples, a pretraining on small text, and trained sources."""

from pathlib import Path

import pytest
from hypothesis import settings

from pretraining_runs import task, write_text
from spacy_tlner.pretraining.loop import run
from warm_starts import write_shared_source, write_source

# the same examples on every run, and no example is failed for being slow
settings.register_profile("spacy_tlner", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("spacy_tlner")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of text for language models."""
    return write_text(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def pretrained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best weights of two language models of it."""
    output = tmp_path_factory.mktemp("pretrained") / "bilm"
    return run(task(text, output), resume=False, on_log=lambda row: None)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pipeline on disk."""
    return write_source(tmp_path_factory.mktemp("source") / "source")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pipeline on disk, of a tok2vec and a tagger that listens to it."""
    return write_shared_source(tmp_path_factory.mktemp("shared") / "source")
