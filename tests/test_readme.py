"""What the README and the pages of docs/ show runs as it stands there, and what they name is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from spacy.util import registry
from thinc.api import Config

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))


def test_python_example_runs() -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf8"), re.DOTALL)
    assert found
    # seeded, so that the printed line is that of the comment
    code = "from thinc.api import fix_random_seed\nfix_random_seed(0)\n" + found[1]
    shown = re.search(r"# (\[.*\])", found[1])
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown and result.stdout.strip() == shown[1]


def test_config_blocks_can_be_read() -> None:
    texts = [page.read_text(encoding="utf8") for page in PAGES]
    blocks = [block for text in texts for block in re.findall(r"```ini\n(.*?)```", text, re.DOTALL)]
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_it_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf8")
    named = {ROOT / path for path in re.findall(r"\b(?:configs|docs|benchmarks)/[\w./]+\.(?:cfg|md|py)\b", text)}
    for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", text):
        linked = page.parent / target if target else page
        named.add(linked)
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert named
    assert not [path for path in named if not path.exists()]
