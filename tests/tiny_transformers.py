"""Tiny encoders with random weights and tokenizers of three kinds, as Hugging Face checkpoints in a folder."""

import json
from pathlib import Path
from typing import Any

from spacy.util import fix_random_seed

SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
TEXT = [
    "Ada Lovelace moved to Paris last year , and Shares of ORG fell in New York .",
    "the The THE cat Aspirin aspirin inhibits TNF-α – 12.5 mg/kg Ünïcödé 🙂 a x-ray ( ) don't",
]


def tiny_bert(path: Path, positions: int = 64, **config: Any) -> Path:
    """WordPiece over characters and a few longer pieces, lower-cased."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path.mkdir(parents=True)
    letters = [chr(i) for i in range(33, 127)]
    longer = ["##an", "paris", "the", "##ed", "in", "lov", "##el", "asp", "##ir"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), *longer]
    (path / "vocab.txt").write_text("\n".join(pieces), encoding="utf8")
    BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
    fix_random_seed(0)
    sizes = {**SIZES, "max_position_embeddings": positions, "vocab_size": len(pieces), **config}
    BertModel(BertConfig(**sizes)).save_pretrained(path)
    return path


def tiny_xlm_roberta(path: Path, positions: int = 66) -> Path:
    """A unigram model over text whose blanks are marked, with only a tokenizer.json, as XLM-R has it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import XLMRobertaConfig, XLMRobertaModel

    characters = sorted({c for text in TEXT for c in text if c != " "} | set("abcdefghijklmnopqrstuvwxyz"))
    longer = ["▁the", "▁Ada", "▁in", "and", "ov", "el", "▁Paris", "in", "▁a", "s", "TNF"]
    scored = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    scored += [(piece, -4.0) for piece in dict.fromkeys(longer)]
    scored += [(c, -6.0) for c in characters if c not in longer]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    path.mkdir(parents=True)
    tokenizer.save(str(path / "tokenizer.json"))
    _write_tokenizer_config(path, "XLMRobertaTokenizerFast")
    fix_random_seed(0)
    config = XLMRobertaConfig(vocab_size=len(scored) + 1, max_position_embeddings=positions, pad_token_id=1, **SIZES)
    XLMRobertaModel(config).save_pretrained(path)
    return path


def tiny_roberta(path: Path, positions: int = 66) -> Path:
    """Byte-level BPE without merges: a piece a byte, so that one character may be four."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import RobertaConfig, RobertaModel

    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {piece: i for i, piece in enumerate([*specials, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    path.mkdir(parents=True)
    tokenizer.save(str(path / "tokenizer.json"))
    _write_tokenizer_config(path, "RobertaTokenizerFast")
    (path / "vocab.json").write_text(json.dumps(vocab), encoding="utf8")
    (path / "merges.txt").write_text("#version: 0.2\n", encoding="utf8")
    fix_random_seed(0)
    config = RobertaConfig(vocab_size=len(vocab), max_position_embeddings=positions, pad_token_id=1, **SIZES)
    RobertaModel(config).save_pretrained(path)
    return path


def _write_tokenizer_config(path: Path, name: str) -> None:
    tokens = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    }
    settings = {"tokenizer_class": name, "cls_token": "<s>", "sep_token": "</s>", **tokens}
    (path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf8")
