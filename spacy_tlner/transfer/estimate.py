"""A label map estimated from what the source predicts on the target's training documents."""

from collections.abc import Collection, Sequence

from spacy.language import Language
from spacy.training import Example
from spacy.util import registry

from ..errors import Errors
from .assignment import best_pairs
from .label_map import LabelEstimate, LabelEstimator
from .label_table import LabelTable, count_labels


@registry.misc("spacy_tlner.estimate_label_map.v1")
def estimate_label_map(
    least_share: float = 0.3, least_count: float = 3.0, seed: bool = False, limit: int = 1000
) -> LabelEstimator:
    """For `label_map` of a warm start: find out which source label becomes which of ours.

    The source reads the target's training documents that have mentions, at most `limit` of them, and its probabilities
    are counted where the mentions stand (`label_table`). A pair needs `least_share`, 0 to 1, of the mentions of our
    label and `least_count` of them. Of all maps over such pairs that use each label once, the one that explains
    most mentions is taken.
    Equal names are a prior: such a pair needs neither, and counts `least_count` mentions more than it has. So the data
    win where they have that much more to say, and the name wins where they say little or nothing.
    seed: let a label of ours that is left alone start from the source label that explains most of its mentions,
    though that one became another of ours; it needs the same share and count.
    Raises TL116 on settings that cannot be used; the estimate TL117 where there is no mention to count.
    """
    if not (0 <= least_share <= 1 and 0 <= least_count < float("inf") and limit >= 1):
        given = f"least_share {least_share}, least_count {least_count}, limit {limit}"
        raise ValueError(Errors.TL116.format(given=given))

    def estimate(
        source: Language, tagger: str, examples: Sequence[Example], labels: Sequence[str], seeded: Collection[str]
    ) -> LabelEstimate:
        table = count_labels(source, tagger, examples, labels, limit)
        if not table.documents:
            raise ValueError(Errors.TL117.format(n=len(examples), labels=", ".join(labels)))
        return read_table(table, least_share, least_count, seed=seed, seeded=seeded)

    return estimate


def read_table(
    table: LabelTable, least_share: float, least_count: float, *, seed: bool = False, seeded: Collection[str] = ()
) -> LabelEstimate:
    """The best map by what a table says. seeded: labels of ours whose start is decided: they take no part."""
    shares, enough = table.shares, {}
    for i, ours in enumerate(table.labels):
        for k, theirs in enumerate(table.source_labels):
            if ours not in seeded and shares[i, k] >= least_share and table.counts[i, k] >= least_count:
                enough[ours, theirs] = float(table.counts[i, k])
    worth = dict(enough)
    for i, label in enumerate(table.labels):
        if label not in seeded and label in table.source_labels:
            worth[label, label] = float(table.counts[i, table.source_labels.index(label)]) + least_count
    # in thousandths of a mention: to decide by less would be to decide by rounding
    pairs = best_pairs({pair: round(1000 * value) for pair, value in worth.items()})
    seeds = {}
    for label in table.labels if seed else ():
        partners = {theirs: count for (ours, theirs), count in enough.items() if ours == label}
        if label not in pairs and partners:
            seeds[label] = max(partners, key=lambda theirs: partners[theirs])
    return LabelEstimate({theirs: ours for ours, theirs in pairs.items()}, seeds, table)
