"""Across languages: one encoder, scored on another language as it is and after few examples; Chinese by character."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Config
from typer.testing import CliRunner

from corpus import Mention, annotated, blank_tagger, entities, initialize, make_doc, optimizer, tagger, train
from spacy_tlner.cli import tlner
from tiny_transformers import tiny_xlm_roberta

CONFIG = Path(__file__).parent.parent / "configs" / "transfer" / "multilingual.cfg"
# A made-up language: names stay, all other words are other words, spelled by its own rules.
VOWELS = str.maketrans("aeiou", "oiuae")


def foreign(words: list[str], mentions: list[Mention]) -> list[str]:
    """The sentence in the other language, word by word."""
    named = {i for _, start, end in mentions for i in range(start, end)}
    return [word if i in named or not word.isalpha() else word.translate(VOWELS) + "en" for i, word in enumerate(words)]


def examples(nlp: Language, n: int, *, skip: int = 0, translate: bool = False) -> list[Example]:
    found = []
    for words, mentions in islice(annotated(skip), n):
        text = foreign(words, mentions) if translate else words
        reference = make_doc(nlp, text, mentions)
        found.append(Example(make_doc(nlp, text, [], missing=True), reference))
    return found


def f1(nlp: Language, *, translate: bool) -> float:
    return float(nlp.evaluate(examples(nlp, 60, skip=1000, translate=translate))["ents_f"])


def test_a_source_language_helps_another_at_once_and_after_few_examples(tmp_path: Path) -> None:
    """The character BiLSTM of Lample et al.: trained here, on one language; then the other, with and without it."""
    encoder = Config().from_disk(CONFIG.parent.parent / "lample2016.cfg", interpolate=False)["components"]["tl_ner"]
    fix_random_seed(0)
    source = blank_tagger(model=encoder["model"])
    training = examples(source, 160)
    initialize(source, training)
    train(source, training, epochs=4)
    assert f1(source, translate=False) > 0.9
    zero_shot = f1(source, translate=True)
    source.to_disk(tmp_path / "source")
    few = []
    for start in (None, str(tmp_path / "source")):
        fix_random_seed(0)
        nlp = blank_tagger(model=encoder["model"])
        target = examples(nlp, 12, skip=300, translate=True)
        if start:
            nlp.config["initialize"]["components"]["tl_ner"] = {"source": start}
        initialize(nlp, target)
        train(nlp, target, epochs=8)
        few.append(f1(nlp, translate=True))
    scratch, transferred = few
    assert zero_shot > 0.3 and transferred > max(zero_shot, scratch + 0.1)


def write(path: Path, n: int, **how: Any) -> Path:
    nlp = spacy.blank("xx")
    DocBin(docs=[eg.reference for eg in examples(nlp, n, **how)]).to_disk(path)
    return path


def test_the_multilingual_config(tmp_path: Path) -> None:
    """Source language, zero-shot, target language, over a tiny checkpoint of XLM-R's kind."""
    checkpoint = tiny_xlm_roberta(tmp_path / "xlm-r")
    data = {
        "source": write(tmp_path / "source.spacy", 80),
        "target": write(tmp_path / "target.spacy", 12, skip=300, translate=True),
        "dev": write(tmp_path / "dev.spacy", 12, skip=400, translate=True),
    }
    scores = []
    for side, source in (("source", None), ("target", tmp_path / "source" / "model-last")):
        overrides = {
            "paths.transformer": str(checkpoint),
            "paths.train": str(data[side]),
            "paths.dev": str(data["dev"]),
            "paths.source": source and str(source),
            "system.gpu_allocator": None,
            "training.max_steps": 20,
            "training.eval_frequency": 10,
            "training.optimizer.learn_rate.warmup_steps": 2,
            "training.optimizer.learn_rate.initial_rate": 0.01,
            "training.optimizer.groups.tl_ner.transformer": 0.5,
        }
        spacy_train(CONFIG, tmp_path / side, overrides=overrides)
        nlp = spacy.load(tmp_path / side / "model-last")
        scores.append(f1(nlp, translate=True))
    kept = nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert set(kept["copied"]) == {"transformer", "head", "transitions"} and not kept["fresh"]
    assert 0 < scores[0] < scores[1]


CHINESE = """\
居\tB-PER
里\tI-PER
住\tO
在\tO
北\tB-LOC
京\tI-LOC
。\tO

她\tO
去\tO
巴\tB-LOC
黎\tI-LOC
。\tO

他\tO
叫\tO
李\tB-PER
白\tI-PER
。\tO
"""


def test_chinese_by_character(tmp_path: Path) -> None:
    """A file of a character a line, as it is common, and then plain text."""
    (tmp_path / "zh.txt").write_text(CHINESE, encoding="utf8")
    args = ["convert", str(tmp_path / "zh.txt"), str(tmp_path / "zh.spacy"), "--lang", "zh"]
    assert CliRunner().invoke(tlner, args).exit_code == 0
    nlp = spacy.blank("zh")
    nlp.add_pipe("tl_ner", config={"model": tagger()})
    references = list(DocBin().from_disk(tmp_path / "zh.spacy").get_docs(nlp.vocab))
    corpus = [Example(nlp.make_doc("".join(token.text for token in doc)), doc) for doc in references]
    assert [[token.text for token in eg.predicted] for eg in corpus] == [[t.text for t in doc] for doc in references]
    fix_random_seed(0)
    initialize(nlp, corpus)
    train(nlp, corpus, epochs=40, sgd=optimizer())
    assert entities(nlp("居里住在北京。")) == [("PER", 0, 2), ("LOC", 4, 6)]
    assert nlp.evaluate(corpus)["ents_f"] == pytest.approx(1.0)


@pytest.mark.parametrize("chinese", [True, False])
def test_chinese_through_the_command_line(chinese: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Words by line, converted to characters; a config's own tokenizer must be told, and it is said where it is not."""
    (tmp_path / "zh.txt").write_text("居里\tB-PER\n住在\tO\n北京\tB-LOC\n。\tO\n\n" * 20, encoding="utf8")
    args = ["convert", str(tmp_path / "zh.txt"), str(tmp_path / "zh.spacy"), "--lang", "zh", "--characters"]
    assert CliRunner().invoke(tlner, args).exit_code == 0
    overrides: dict[str, Any] = {
        "paths.train": str(tmp_path / "zh.spacy"),
        "paths.dev": str(tmp_path / "zh.spacy"),
        "nlp.lang": "zh",
        "components.tl_ner.model.tok2vec.width": 32,
        "training.max_steps": 30,
        "training.eval_frequency": 10,
    }
    if chinese:
        overrides["nlp.tokenizer.@tokenizers"] = "spacy.zh.ChineseTokenizer"
    spacy_train(CONFIG.parent.parent / "ner_bilstm_crf.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert ("TL043" in caplog.text) != chinese
    found = [(ent.text, ent.label_) for ent in nlp("居里住在北京。").ents]
    assert (found == [("居里", "PER"), ("北京", "LOC")]) == chinese
