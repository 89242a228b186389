"""How a checkpoint is adapted, and what came of it."""

from dataclasses import dataclass

from ..layers.precision import Precision


@dataclass
class AdaptSettings:
    """How a checkpoint is trained on.

    length: word pieces of a block, special ones included. max_steps: updates after which to stop; 0: after `epochs`.
    mask_share: of word pieces that are to be guessed. dev_share: of blocks held out. save_every: updates between
    checkpoints. cased: tell the tokenizer not to lower-case, for a checkpoint that does not say so. precision: of the
    products in training, see `layers.precision`.
    """

    epochs: float = 1.0
    max_steps: int = 0
    batch_size: int = 16
    length: int = 256
    learn_rate: float = 5e-5
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    mask_share: float = 0.15
    dev_share: float = 0.05
    save_every: int = 500
    cased: bool = False
    seed: int = 0
    precision: Precision = "float32"


@dataclass
class AdaptSummary:
    """What was trained on, and the mean loss of a masked word piece of the held-out blocks before and after.

    new_head: the checkpoint came without its language model's output layer, so that one began at random.
    """

    texts: int
    pieces: int
    blocks: int
    dev_blocks: int
    steps: int
    before: float
    after: float
    new_head: bool
