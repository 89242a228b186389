"""The loss of a masked language model, with scores for the masked word pieces and for no others.

A piece in seven is masked, and scores over the whole vocabulary take longer than the rest of a small encoder.
"""

from typing import Any


def masked_loss(model: Any, batch: dict[str, Any]) -> Any:
    """The mean cross-entropy of a batch's masked pieces, those whose label is not negative; 0 without any.

    As `model(**batch).loss` (tested), for every model whose scores are the output of its `get_output_embeddings`;
    if they are not, they are taken after all were made.
    """
    from torch.nn.functional import cross_entropy

    labels = batch["labels"]
    masked = labels >= 0
    scorer = model.get_output_embeddings()
    hook = None if scorer is None else scorer.register_forward_pre_hook(lambda module, args: (args[0][masked],))
    try:
        scores = model(**{key: value for key, value in batch.items() if key != "labels"}).logits
    finally:
        if hook is not None:
            hook.remove()
    if scores.dim() == 3:
        scores = scores[masked]
    return cross_entropy(scores.float(), labels[masked], reduction="sum") / masked.sum().clamp(min=1)
