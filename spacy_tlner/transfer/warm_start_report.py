"""What a warm start did, for people and for the pipeline's meta."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .head_rows import PARTS, HeadPair


@dataclass
class WarmStartReport:
    """What a warm start did; `nlp.meta["spacy_tlner"][component]["warm_start"]` keeps it."""

    source: str
    component: str
    copied: dict[str, int] = field(default_factory=dict)  # layer group: weights copied; of a head, tags copied
    fresh: list[str] = field(default_factory=list)  # layer groups that start at random
    resized: dict[str, str] = field(default_factory=dict)  # layer group: tags before -> after
    labels: dict[str, str] = field(default_factory=dict)  # our label: the source's, both heads' rows copied
    labels_seeded: dict[str, str] = field(default_factory=dict)  # likewise; others may start from that one, too
    labels_fresh: list[str] = field(default_factory=list)
    labels_dropped: list[str] = field(default_factory=list)
    other_heads: dict[str, str] = field(default_factory=dict)  # head: how many of its labels were copied
    words_known: dict[str, int] | None = None  # words seen by the source, by us, by either
    lexicons: list[str] = field(default_factory=list)  # of each that was copied, whose entries it has now
    label_table: dict[str, Any] | None = None  # what the label map was estimated from (`label_table.LabelTable`)

    def facts(self) -> dict[str, str]:
        """The report for people, a name and a text a fact."""
        mapped = [f"{theirs} -> {ours}" for ours, theirs in self.labels.items() if ours != theirs]
        same = [ours for ours, theirs in self.labels.items() if ours == theirs]
        seeded = [f"{theirs} -> {ours}" for ours, theirs in self.labels_seeded.items()]
        texts = {
            "layers copied": ", ".join(
                f"{group} ({n:,} {'tags' if group in PARTS else 'weights'})" for group, n in self.copied.items()
            ),
            "layers resized": ", ".join(f"{group} ({change} tags)" for group, change in self.resized.items()),
            "layers fresh": ", ".join(self.fresh),
            "labels copied": ", ".join(same),
            "labels mapped": ", ".join(mapped),
            "labels seeded": ", ".join(seeded),
            "labels fresh": ", ".join(self.labels_fresh),
            "labels left out": ", ".join(self.labels_dropped),
            "words known": ", ".join(f"{who} {n:,}" for who, n in (self.words_known or {}).items()),
            "lexicon entries": ", ".join(self.lexicons),
        }
        if self.other_heads:
            texts["other heads"] = ", ".join(f"{head} ({of})" for head, of in self.other_heads.items())
        return {name: text or "-" for name, text in texts.items()}

    def add_head(self, pair: HeadPair, chosen: Sequence[str], *, is_active: bool) -> None:
        """What a head got of its partner; chosen: the layer groups that were copied."""
        if not is_active:
            self.other_heads[pair.name] = f"{len(pair.labels.matched)} of {len(pair.new_scheme.labels)} labels"
            return
        for group in PARTS:
            if group in chosen:
                if pair.old_scheme.n_tags != pair.new_scheme.n_tags:
                    self.resized[group] = f"{pair.old_scheme.n_tags} -> {pair.new_scheme.n_tags}"
                self.copied[group] = len(pair.rows)
        self.labels, self.labels_seeded = dict(pair.labels.matched), dict(pair.labels.seeded)
        self.labels_fresh, self.labels_dropped = list(pair.labels.fresh), list(pair.labels.dropped)
