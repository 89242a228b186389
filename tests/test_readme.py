"""What the README shows runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from spacy.util import registry
from thinc.api import Config

README = Path(__file__).parent.parent / "README.md"


def test_python_example_runs() -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf8"), re.DOTALL)
    assert found
    # seeded, so that the printed line is that of the comment
    code = "from thinc.api import fix_random_seed\nfix_random_seed(0)\n" + found[1]
    shown = re.search(r"# (\[.*\])", found[1])
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown and result.stdout.strip() == shown[1]


def test_config_blocks_can_be_read() -> None:
    blocks = re.findall(r"```ini\n(.*?)```", README.read_text(encoding="utf8"), re.DOTALL)
    assert len(blocks) == 3
    config = Config()
    for block in blocks:
        # a block of a whole config: the sections above its first one stand there already
        first = re.search(r"\[([\w.]+)\]", block)
        assert first
        parents = first[1].split(".")[:-1]
        above = "".join(f"[{'.'.join(parents[: i + 1])}]\n" for i in range(len(parents)))
        config = config.merge(Config().from_str(above + block))
    # confection tells whether the readers are given what they ask for
    reader = registry.resolve({"corpus": config["corpora"]["train"]})["corpus"]
    assert callable(reader) and config["initialize"]["components"]["tl_ner"]["source"]


def test_files_that_it_names_exist() -> None:
    text = README.read_text(encoding="utf8")
    named = set(re.findall(r"\b(?:configs|docs|benchmarks)/[\w./]+\.(?:cfg|md|py)\b", text))
    assert len(named) > 6
    assert all((README.parent / path).exists() for path in named)
