"""Worker processes: `nlp.pipe(n_process=2)` says what one process says, after the parent has used torch's threads."""

import subprocess
import sys
from pathlib import Path

import pytest

from corpus import trained

SCRIPT = """
import multiprocessing, sys, time

def main(method, path, n):
    import spacy, torch
    multiprocessing.set_start_method(method)
    torch.set_num_threads(2)
    nlp = spacy.load(path)
    sys.path.insert(0, sys.argv[3])
    from corpus import entities, held_out_texts
    texts = held_out_texts(80) + [""] + [" ".join(held_out_texts(200))]
    alone = [entities(doc) for doc in nlp.pipe(texts)]  # the parent has predicted, its thread pool is up
    torch.rand(600, 600) @ torch.rand(600, 600)
    assert torch.get_num_threads() == 2
    together = [entities(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=10)]
    assert alone == together and sum(map(len, alone)) >= 100
    assert torch.get_num_threads() == 2  # the parent keeps its threads
    print("the same", sum(map(len, alone)))

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], 2)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_two_processes_after_the_parent_predicted(method: str, tmp_path: Path) -> None:
    # Without care for threads a forked child waits for ever, so that this ends in a timeout.
    trained().to_disk(tmp_path / "nlp")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), method, str(tmp_path / "nlp"), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the same")
