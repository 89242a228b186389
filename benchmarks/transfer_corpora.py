"""The pairs of corpora that transfer_pairs.py runs: where their files lie, and what a reader should know of them."""

from typing import NamedTuple

IOB = "mtl-bioinformatics-2016"
UNER = "uner"


class Place(NamedTuple):
    """A corpus: what it is called, its files below DATA in the order train, dev, test, and options of `convert`.

    digits: each character carries its place in the word, a digit that is none of the text.
    """

    name: str
    files: tuple[str, ...]
    options: str = ""
    digits: bool = False


class Corpora(NamedTuple):
    """A pair. label_map: source to target, beside labels of equal name. about: what transfers, for the report."""

    source: Place
    target: Place
    label_map: dict[str, str]
    about: str
    lang: str = "en"


def _iob(name: str, options: str = "") -> Place:
    return Place(name, tuple(f"{IOB}/{name}-IOB/{split}.tsv" for split in ("train", "devel", "test")), options)


def _uner(name: str, stem: str, options: str = "") -> Place:
    files = tuple(f"{UNER}/{name}/{stem}-ud-{split}.iob2" for split in ("train", "dev", "test"))
    return Place(f"UNER {name}", files, f"--token-column 1 --tag-column 2 {options}".rstrip())


_WEIBO_LABELS = {"PER": "PER", "ORG": "ORG", "LOC": "LOC", "GPE": "LOC"}
# Wikipedia, annotated by machine
WIKINEURAL = Place("WikiNEuRal", ("wikineural-en-val/val.conllu",), "--token-column 1 --tag-column 2")
POLITICS = Place(
    "CrossNER politics", tuple(f"crossner/ner_data/politics/{split}.txt" for split in ("train", "dev", "test"))
)
WNUT = Place("WNUT-17", ("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll", "wnut17/emerging.test.annotated"))
# As La-DTL's authors have it: names and mentions such as "mother" under one label, and towns among places.
WEIBO = Place(
    "Weibo",
    tuple(f"weibo-ner/weiboNER_2nd_conll.{split}" for split in ("train", "dev", "test")),
    "--characters --label-map "
    + ",".join(f"{old}.{kind}={new}" for old, new in _WEIBO_LABELS.items() for kind in ("NAM", "NOM")),
    digits=True,
)
PAIRS = {
    "bc5cdr-ncbi": Corpora(
        _iob("BC5CDR", "--label-map Chemical="), _iob("NCBI-disease"), {}, "one type, other guidelines"
    ),
    "bionlp13pc-bionlp13cg": Corpora(_iob("BioNLP13PC"), _iob("BioNLP13CG"), {}, "3 of its 16 types in common"),
    "bc2gm-exptm": Corpora(_iob("BC2GM"), _iob("Ex-PTM"), {"GENE": "Protein"}, "small target"),
    "wikineural-politics": Corpora(
        WIKINEURAL,
        POLITICS,
        {"PER": "politician", "LOC": "location", "ORG": "organisation", "MISC": "misc"},
        "encyclopedia to a field of it, finer types",
    ),
    "wikineural-wnut17": Corpora(
        WIKINEURAL,
        WNUT,
        {"PER": "person", "LOC": "location", "ORG": "group", "MISC": "creative-work"},
        "encyclopedia to social media, rare names",
    ),
    "portuguese-danish": Corpora(
        _uner("Portuguese-Bosque", "pt_bosque"), _uner("Danish-DDT", "da_ddt"), {}, "another language, same types", "xx"
    ),
}
# Apart from the six that are compared: that Chinese works, by character.
CHINESE = {
    "chinese-weibo": Corpora(
        _uner("Chinese-GSD", "zh_gsd", "--characters"),
        WEIBO,
        {},
        "encyclopedia in traditional characters to social media in simplified ones",
        "zh",
    )
}
ALL_PAIRS = PAIRS | CHINESE
# For silver; the other pairs have what is left of target train. Politics has 200 sentences in all.
TEXTS = {"wikineural-politics": "unlabeled-general/wikitext-2-valid.txt"}
# Whose language model is of trial and case reports, and whose of encyclopedia and novels.
BIOMEDICAL = ("bc5cdr-ncbi", "bionlp13pc-bionlp13cg", "bc2gm-exptm")
GENERAL = ("wikineural-politics", "wikineural-wnut17")
