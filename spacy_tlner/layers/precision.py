"""How exactly torch multiplies in training: float32, or bfloat16 where processors have units for it."""

from typing import Any, Literal

Precision = Literal["float32", "bfloat16"]


def training_dtype(precision: Precision, is_train: bool) -> Any:
    """torch's dtype of products. Weights, the sums of their gradients and predictions are float32 always."""
    import torch

    return torch.bfloat16 if is_train and precision == "bfloat16" else torch.float32
