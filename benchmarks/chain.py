"""Operations of a chain beside pytorch-crf and torch-struct, in turns in one run on one thread, and beside a floor.

    pip install -e ".[dev,bench]"
    python benchmarks/chain.py

Loss with gradient, best paths, marginals and the ten best paths, of batches of 1, 32 and 128 sequences of one length
(25, 40, 200; without padding, which is kindest to the others) and of 128 sequences of 5 to 40 tokens. All systems hold
the same float32 scores in the form that each takes (ours flat, the others padded), are called as a user calls them, and
must agree before they are timed. What a system does not have is "-"; "too large" is a cell whose largest tensor in
torch-struct would pass a limit (below), which stands for about twenty seconds or several GB; then no figure is given.
Seconds are the process's own, which others on the same machine disturb least.

The floor of a loss is arithmetic that no forward-backward in NumPy avoids, measured in the same turns on arrays that
stand ready: two matrix products a step, one product for the pairs, and one exp an emission.
"""

import os

THREADS = 1
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import sys  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from math import ceil, log2  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402
from numpy.testing import assert_allclose  # noqa: E402

try:
    from torch_struct import LinearChainCRF
    from torchcrf import CRF
except ImportError as error:
    sys.exit(f'{error}. This benchmark needs its peers: pip install -e ".[dev,bench]"')

import rows  # noqa: E402
from spacy_tlner.crf.chain import Chain  # noqa: E402
from spacy_tlner.crf.inference import forward_backward  # noqa: E402
from spacy_tlner.crf.loss import chain_loss  # noqa: E402
from spacy_tlner.crf.nbest import n_best  # noqa: E402
from spacy_tlner.crf.packing import Packing  # noqa: E402
from spacy_tlner.crf.paths import path_score, viterbi  # noqa: E402

BENCH = "chain"
N_TAGS = (9, 37, 73)  # BILUO tags of 2, 9 and 18 labels
BATCHES, LENGTHS = (1, 32, 128), (25, 40, 200)
SHORTEST, LONGEST = 5, 40  # of the batch with mixed lengths
N_BEST = 10
OURS, FLOOR = "spacy-tlner", "floor"
OPERATIONS = ("loss_and_gradient", "viterbi", "marginals", "ten_best")
STRUCT_LIMIT = 2**30  # bytes of torch-struct's largest tensor

torch.set_num_threads(THREADS)
# torch-struct derives from torch's Distribution without the constraints that torch would like to check
warnings.filterwarnings("ignore", message=".*does not define `arg_constraints`", category=UserWarning)
warnings.filterwarnings("ignore", message="where received a uint8", category=UserWarning)  # pytorch-crf's


class Problem:
    """Scores and gold of one batch, flat as ours takes them and padded as the others do."""

    def __init__(self, n_tags: int, lengths: list[int], seed: int):
        rng = numpy.random.default_rng(seed)
        self.lengths, self.n_tags, n_tokens = lengths, n_tags, sum(lengths)
        self.emissions = rng.normal(0, 1, (n_tokens, n_tags)).astype("float32")
        self.scores = [rng.normal(0, 1, size).astype("float32") for size in ((n_tags, n_tags), n_tags, n_tags)]
        self.chain = Chain(*self.scores, *(numpy.ones(score.shape, dtype=bool) for score in self.scores))
        self.gold = rng.integers(0, n_tags, n_tokens)
        self.mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        self.padded = self.pad(torch.tensor(self.emissions)).requires_grad_()
        self.padded_gold = self.pad(torch.tensor(self.gold))

    def pad(self, flat: Any) -> Any:
        padded = torch.zeros(*self.mask.shape, *flat.shape[1:], dtype=flat.dtype)
        padded[self.mask] = flat
        return padded

    def totals(self, paths: Any) -> list[Any]:
        """The score of each sequence in each of the paths (n, T)."""
        packing = Packing.of(self.lengths)
        return [path_score(self.emissions, packing, self.chain, path) for path in paths]


class Ours:
    def __init__(self, problem: Problem):
        self.problem, self.chain, self.emissions = problem, problem.chain, problem.emissions
        self.allowed = problem.gold[:, None] == numpy.arange(problem.n_tags)

    def loss_and_gradient(self) -> list[Any]:
        loss = chain_loss(self.emissions, Packing.of(self.problem.lengths), self.chain, self.allowed)
        return [loss.losses.sum(), loss.d_emissions, loss.d_transitions, loss.d_start, loss.d_end]

    def viterbi(self) -> Any:
        return viterbi(self.emissions, Packing.of(self.problem.lengths), self.chain)

    def marginals(self) -> Any:
        return forward_backward(self.emissions, Packing.of(self.problem.lengths), self.chain).nodes

    def ten_best(self) -> Any:
        return n_best(self.emissions, Packing.of(self.problem.lengths), self.chain, N_BEST)[0]


class PytorchCRF:
    names = ("transitions", "start_transitions", "end_transitions")

    def __init__(self, problem: Problem):
        self.problem = problem
        self.crf = CRF(problem.n_tags, batch_first=True)
        self.crf.load_state_dict({name: torch.tensor(score) for name, score in zip(self.names, problem.scores)})

    def loss_and_gradient(self) -> list[Any]:
        self.crf.zero_grad()
        padded, mask = self.problem.padded, self.problem.mask
        padded.grad = None
        loss = -self.crf(padded, self.problem.padded_gold, mask, reduction="sum")
        loss.backward()
        grads = [padded.grad[mask], *(getattr(self.crf, name).grad for name in self.names)]
        return [loss.item(), *(grad.numpy() for grad in grads)]

    def viterbi(self) -> Any:
        with torch.no_grad():
            return [tag for path in self.crf.decode(self.problem.padded, self.problem.mask) for tag in path]


class TorchStruct:
    """Its potentials are (batch, length - 1, tag, tag before); start, end and the first emission go into them."""

    def __init__(self, problem: Problem):
        self.problem = problem
        transitions, *ends = (torch.tensor(score) for score in problem.scores)
        # kept as it takes them, for it wants contiguous potentials
        self.params = [scores.requires_grad_() for scores in (transitions.T.contiguous(), *ends)]
        self.lengths = torch.tensor(problem.lengths)
        self.gold = LinearChainCRF.struct.to_parts(problem.padded_gold, problem.n_tags, self.lengths).float()

    def distribution(self) -> LinearChainCRF:
        transitions, start, end = self.params
        emissions = self.problem.padded
        potentials = transitions + emissions[:, 1:, :, None]
        potentials[:, 0] += (start + emissions[:, 0])[:, None, :]
        potentials[torch.arange(len(self.lengths)), self.lengths - 2] += end[:, None]
        return LinearChainCRF(potentials, self.lengths)

    def loss_and_gradient(self) -> list[Any]:
        inputs = [self.problem.padded, *self.params]
        for tensor in inputs:
            tensor.grad = None
        loss = -self.distribution().log_prob(self.gold).sum()
        loss.backward()
        emissions, transitions, *ends = (tensor.grad for tensor in inputs)
        grads = [emissions[self.problem.mask], transitions.T, *ends]
        return [loss.item(), *(grad.numpy() for grad in grads)]

    def tokens(self, parts: Any) -> Any:
        """(..., tokens, tags) of parts: what they say of each token, in flat order."""
        nodes = torch.cat([parts[..., :1, :, :].sum(-2), parts.sum(-1)], -2)
        return nodes[..., self.problem.mask, :]

    def viterbi(self) -> Any:
        return self.tokens(self.distribution().argmax.detach()).argmax(-1).numpy()

    def marginals(self) -> Any:
        return self.tokens(self.distribution().marginals.detach()).numpy()

    def ten_best(self) -> Any:
        return self.tokens(self.distribution().topk(N_BEST).detach()).argmax(-1).numpy()

    def is_too_large(self, operation: str) -> bool:
        steps = 2 ** ceil(log2(max(self.problem.lengths) - 1))  # it pads to a power of two
        values = len(self.problem.lengths) * steps * self.problem.n_tags**3
        return 4 * values * (N_BEST**2 if operation == "ten_best" else 1) > STRUCT_LIMIT


class Floor:
    def __init__(self, problem: Problem):
        packing = Packing.of(problem.lengths)
        self.steps = list(zip(packing.offsets, packing.offsets[1:]))
        shape = problem.emissions.shape
        rng = numpy.random.default_rng(0)
        self.a, self.b = (rng.random(shape, dtype="float32") for _ in range(2))
        self.moves, self.pairs = (numpy.zeros_like(problem.chain.transitions) for _ in range(2))

    def loss_and_gradient(self) -> None:
        numpy.exp(self.a, out=self.b)
        for begin, end in self.steps[1:]:
            numpy.matmul(self.a[begin:end], self.moves, out=self.b[begin:end])
        for begin, end in self.steps[1:]:
            numpy.matmul(self.a[begin:end], self.moves, out=self.b[begin:end])
        n = self.steps[0][1]
        numpy.matmul(self.a[n:].T, self.b[n:], out=self.pairs)


def check(operation: str, problem: Problem, expected: Any, found: Any) -> None:
    if operation == "loss_and_gradient":
        # relative to the largest entry, for theirs rounds log sums of 1,000 to 6e-5 in float32
        for ours, theirs in zip(expected, found):
            assert_allclose(ours, theirs, rtol=1e-4, atol=5e-4 * numpy.abs(theirs).max())
    elif operation == "marginals":
        assert_allclose(expected, found, atol=5e-4)
    else:
        # of paths whose scores float32 cannot tell apart either may win
        paths = (numpy.atleast_2d(numpy.asarray(tags)) for tags in (expected, found))
        ours, theirs = (problem.totals(tags) for tags in paths)
        assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


def in_turns(calls: dict[str, Callable[[], Any]], turns: int, budget: float) -> dict[str, list[float]]:
    """Processor seconds of each call in each turn; after two turns no turn begins past the budget of wall seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    began = time.perf_counter()
    for turn in range(turns):
        if turn > 1 and time.perf_counter() - began > budget:
            break
        for name, call in calls.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    return seconds


def measure(problem: Problem, operation: str, turns: int, budget: float) -> dict[str, list[float] | str]:
    """Seconds in each turn of every system, or why there are none."""
    systems: dict[str, Any] = {
        OURS: Ours(problem),
        "pytorch-crf": PytorchCRF(problem),
        "torch-struct": TorchStruct(problem),
    }
    calls = {name: getattr(system, operation) for name, system in systems.items() if hasattr(system, operation)}
    absent: dict[str, list[float] | str] = {name: "-" for name in systems if name not in calls}
    if systems["torch-struct"].is_too_large(operation):
        del calls["torch-struct"]
        absent["torch-struct"] = "too large"
    expected = calls[OURS]()
    for call in calls.values():
        check(operation, problem, expected, call())
    if operation == "loss_and_gradient":
        calls[FLOOR] = Floor(problem).loss_and_gradient
        calls[FLOOR]()
    return {**absent, **in_turns(calls, turns, budget)}


def ratio(seconds: list[float] | str, ours: Any) -> str:
    """How many times ours another system takes: the median of the turns' ratios."""
    return seconds if isinstance(seconds, str) else f"{median(a / b for a, b in zip(seconds, ours)):.1f}"


def cases() -> list[tuple[str, list[int]]]:
    mixed = numpy.random.default_rng(0).integers(SHORTEST, LONGEST + 1, max(BATCHES) - 1).tolist()
    equal = [(f"{n} x {length}", [length] * n) for n in BATCHES for length in LENGTHS]
    return [*equal, (f"{max(BATCHES)} x {SHORTEST}-{LONGEST}", [LONGEST, *mixed])]


def main(
    turns: int = typer.Option(15, help="Turns of each measurement, at most"),
    budget: float = typer.Option(2.0, help="Wall seconds of a measurement after which no further turn begins"),
    operation: list[str] = typer.Option(OPERATIONS, help="What to measure; may be repeated"),
    case: str = typer.Option("", help="Only cases that contain this, such as '128 x'"),
    seed: int = typer.Option(0, help="Seed of the drawn scores"),
    save: bool = typer.Option(True, help="Append to benchmarks/results"),
) -> None:
    """Measure, print and append."""
    results = []
    for name in operation:
        body = []
        for n_tags in N_TAGS:
            for shape, lengths in cases():
                if case not in shape:
                    continue
                seconds = measure(Problem(n_tags, lengths, seed), name, turns, budget)
                ours: Any = seconds[OURS]
                others = [ratio(seconds[system], ours) for system in ("pytorch-crf", "torch-struct")]
                reached = [f"{1 / float(ratio(ours, seconds[FLOOR])):.0%}"] if FLOOR in seconds else []
                body.append([n_tags, shape, f"{1000 * median(ours):.3f} ms", *others, *reached])
                common = {"case": f"{n_tags} tags, {shape}", "metric": f"{name}_seconds", "seed": seed}
                for system, found in seconds.items():
                    value = None if isinstance(found, str) else median(found)
                    results.append({**common, "system": system, "value": value})
        header = ["tags", "batch", OURS, "pytorch-crf / ours", "torch-struct / ours"]
        print(f"{name}\n\n{rows.table([*header, *(['floor reached'] if len(body[0]) > 5 else [])], body)}", end="\n\n")
    if save:
        rows.append(BENCH, results, threads=THREADS)


if __name__ == "__main__":
    typer.run(main)
