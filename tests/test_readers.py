"""MultiCorpus: several named corpora read as one, through spaCy's config and its own reader."""

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.util import load_config_from_str, registry, resolve_dot_names

from spacy_tlner.corpora.docbin import write_docs
from spacy_tlner.corpora.faults import CorpusError
from spacy_tlner.corpora.readers import MultiCorpus
from spacy_tlner.stamps import annotated_labels, corpus_of

NLP = spacy.blank("en")

CONFIG = """
[training]
train_corpus = "corpora.train"

[corpora]

[corpora.train]
@readers = "spacy_tlner.MultiCorpus.v1"
{annotates}

[corpora.train.corpora]

[corpora.train.corpora.wnut]
@readers = "spacy.Corpus.v1"
path = {wnut}
gold_preproc = false
{augmenter}

[corpora.train.corpora.bc5cdr]
@readers = "spacy.Corpus.v1"
path = {bc5cdr}
gold_preproc = false
"""
AUGMENTER = """
[corpora.train.corpora.wnut.augmenter]
@augmenters = "spacy.lower_case.v1"
level = 1.0
"""


@pytest.fixture
def paths(tmp_path):
    for name, words in (("wnut", ["Ann", "sleeps"]), ("bc5cdr", ["Aspirin", "helps"])):
        doc = Doc(NLP.vocab, words=words)
        doc.set_ents([Span(doc, 0, 1, label=name.upper())])
        write_docs([doc, doc], tmp_path / f"{name}.spacy")
    return {name: f'"{tmp_path / name}.spacy"' for name in ("wnut", "bc5cdr")}


def resolve(paths, augmenter="", annotates=""):
    config = load_config_from_str(CONFIG.format(**paths, augmenter=augmenter, annotates=annotates))
    (reader,) = resolve_dot_names(config, ["corpora.train"])
    return reader


def test_reads_each_corpus_once_in_order_and_stamps_both_docs(paths):
    reader = resolve(paths)
    for _ in range(2):  # a second pass starts anew
        examples = list(reader(NLP))
        assert [corpus_of(eg.reference) for eg in examples] == ["wnut", "wnut", "bc5cdr", "bc5cdr"]
        assert [corpus_of(eg.predicted) for eg in examples] == ["wnut", "wnut", "bc5cdr", "bc5cdr"]
        assert [eg.reference.ents[0].label_ for eg in examples] == ["WNUT", "WNUT", "BC5CDR", "BC5CDR"]


def test_stamps_survive_augmentation(paths):
    examples = list(resolve(paths, AUGMENTER)(NLP))
    assert [eg.reference[0].text for eg in examples] == ["ann", "ann", "Aspirin", "Aspirin"]
    assert {corpus_of(doc) for eg in examples[:2] for doc in (eg.reference, eg.predicted)} == {"wnut"}


def test_readers_are_lazy(paths):
    assert corpus_of(next(resolve(paths)(NLP)).reference) == "wnut"


def test_registered_under_its_name():
    assert registry.readers.get("spacy_tlner.MultiCorpus.v1") is MultiCorpus


def test_no_corpus_is_an_error():
    with pytest.raises(CorpusError, match="TL213"):
        MultiCorpus({})


def test_a_block_without_a_reader_is_an_error(paths):
    config = load_config_from_str(
        CONFIG.format(**paths, augmenter="", annotates="").replace('@readers = "spacy.Corpus.v1"\n', "")
    )
    with pytest.raises(CorpusError, match=r"TL217.*'wnut'.* is a dict"):
        resolve_dot_names(config, ["corpora.train"])


# --- which labels a corpus annotates ---


@pytest.mark.parametrize("augmenter", ["", AUGMENTER])
def test_says_on_the_reference_what_its_corpus_annotates(paths, augmenter):
    """Read from a config; a corpus that is left out annotates everything."""
    reader = resolve(paths, augmenter, '[corpora.train.annotates]\nwnut = ["WNUT", "Place"]')
    examples = list(reader(NLP))
    assert [annotated_labels(eg.reference) for eg in examples] == [["WNUT", "Place"]] * 2 + [None] * 2
    assert [annotated_labels(eg.reference.copy()) for eg in examples[:1]] == [["WNUT", "Place"]]
    assert {annotated_labels(eg.reference) for eg in resolve(paths)(NLP)} == {None}


def test_says_what_it_finds(paths):
    reader = resolve(paths, annotates='[corpora.train.annotates]\nwnut = "found"\nbc5cdr = ["NCBI"]')
    for _ in range(2):
        assert [annotated_labels(eg.reference) for eg in reader(NLP)] == [["WNUT"]] * 2 + [["NCBI"]] * 2


@pytest.mark.parametrize(
    ("annotates", "message"),
    [
        ('wnut = "WNUT"', "TL219.*'WNUT' for the corpus 'wnut'"),
        ("wnut = []", r"TL219.*\[\] for the corpus 'wnut'"),
        ("wnut = [1]", "TL219"),
        ('wnut = [""]', "TL219"),
        ("wnut = null", "TL219"),
        ('ncbi = ["Disease"]', "TL218.*'ncbi', which it does not read. It reads: wnut, bc5cdr"),
    ],
)
def test_annotates_that_cannot_be_used_is_an_error(paths, annotates, message):
    with pytest.raises(CorpusError, match=message):
        resolve(paths, annotates=f"[corpora.train.annotates]\n{annotates}")
