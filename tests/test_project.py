"""The workflow of project.yml and the configs it uses, through the real command line on a copy of the project.

weasel ends with 0 even where a declared output never appeared, so each file is asked for here.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.cli.debug_config import debug_config
from spacy.tokens import DocBin
from thinc.api import Config
from typer.testing import CliRunner
from weasel.util import load_project_config, split_command, working_dir

from corpus import LABELS, held_out_texts, make_doc, make_examples, tagger, trained, write_corpus
from spacy_tlner.cli import tlner
from spacy_tlner.report.results import read_calibration
from spacy_tlner.transfer.callbacks import blank_source

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))
SEED = 3
# enough for every file to appear, far too little for good scores
SMALL = {"seed": SEED, "max_steps": 30, "eval_frequency": 15, "n_examples": 2}


def commands(**variables: Any) -> dict[str, dict[str, Any]]:
    """The commands of project.yml by name, with these variables filled in."""
    config = load_project_config(ROOT, overrides={f"vars.{name}": value for name, value in variables.items()})
    return {command["name"]: command for command in config["commands"]}


def outputs(command: dict[str, Any]) -> list[str]:
    return [*command.get("outputs", []), *command.get("outputs_no_cache", [])]


def workflow(name: str = "all") -> list[str]:
    return srsly.read_yaml(ROOT / "project.yml")["workflows"][name]


def copy_project(folder: Path) -> Path:
    shutil.copy(ROOT / "project.yml", folder)
    for name in ("configs", "assets"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which `all` has run."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    overrides = [part for name, value in SMALL.items() for part in (f"--vars.{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", "all", ".", *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


# --- what project.yml says ---


def test_workflow_is_the_promised_one() -> None:
    trainings = ["train-source", "train-target-scratch", "train-target-transfer"]
    assert workflow() == ["check-assets", "convert", *trainings, "evaluate", "calibrate", "report"]
    trainings = ["train-source", "train-target-transfer", "label-silver", "train-silver", "train-target-silver"]
    assert workflow("silver") == ["check-assets", "convert", *trainings, "evaluate-silver", "report-silver"]
    # all of both, from another source
    start = ["check-assets", "convert", "pretrain", "train-source-pretrained"]
    assert workflow("pretrained") == start + workflow()[3:] + workflow("silver")[4:]
    assert outputs(commands()["train-source"]) == outputs(commands()["train-source-pretrained"])


def test_variables_leave_every_list_as_long_as_it_is() -> None:
    # weasel joins neighbouring items that are nothing but a variable
    raw = {command["name"]: command for command in srsly.read_yaml(ROOT / "project.yml")["commands"]}
    for name, command in commands().items():
        for key in ("script", "deps", "outputs"):
            assert len(command.get(key, [])) == len(raw[name].get(key, [])), (name, key)


def test_seed_stands_in_every_output_and_seeds_share_none() -> None:
    first, second = commands(seed=0), commands(seed=11)
    for name, command in first.items():
        for path in outputs(command):
            assert re.search(r"\bseed-0(/|$)", path), (name, path)
        assert not set(outputs(command)) & set(outputs(second[name]))


def test_one_way_to_transfer_replaces_nothing_of_another() -> None:
    first, second = commands(), commands(transfer="la_dtl")
    shared = {path for name in workflow() for path in {*outputs(first[name])} & {*outputs(second[name])}}
    # both come from one source, and are held against one model from scratch
    assert all("/source" in path or "scratch" in path or path.startswith("corpus/") for path in shared), shared
    assert not set(outputs(first["train-target-transfer"])) & set(outputs(second["train-target-transfer"]))
    assert "by la_dtl, seed 0" in second["report"]["script"][0]


def test_corpora_may_lie_below_folders_with_blanks_in_their_names() -> None:
    names = ("source_train", "source_dev", "source_test", "target_train", "target_dev", "target_test", "unlabelled")
    paths = {name: f"my data/{name}.txt" for name in (*names, "pretraining_texts", "silver_teacher")}
    found = {
        part
        for command in commands(**paths).values()
        for line in command["script"]
        for part in split_command(line)
        if part.startswith("my data/")
    }
    assert found == set(paths.values())


def test_silver_rounds_share_no_output_and_the_second_starts_from_the_first() -> None:
    teacher = "training/seed-3/silver-1/gold/model-best"
    first, second = commands(seed=3), commands(seed=3, silver_round=2, silver_teacher=teacher)
    silver = [name for name in workflow("silver") if name not in workflow()]
    assert len(silver) == 5
    for name in silver:
        assert outputs(first[name])
        assert not set(outputs(first[name])) & set(outputs(second[name]))
        paths = [path for path in second[name]["deps"] if "silver-1" in path]
        teaches = name in ("label-silver", "evaluate-silver")
        assert paths == ([f"{teacher}/."] if teaches else [])
    assert teacher in outputs(first["train-target-silver"])
    # the other commands know no rounds: what they made is not made again
    assert all(first[name] == second[name] for name in workflow())


@pytest.mark.parametrize("of", ["all", "silver", "pretrained"])
def test_every_dependency_is_an_asset_a_config_or_an_earlier_output(of: str) -> None:
    made: set[Path] = set()
    for name in workflow(of):
        command = commands()[name]
        for path in map(Path, command.get("deps", [])):
            assert path in made or (ROOT / path).is_file(), (name, path)
        made.update(map(Path, outputs(command)))


@pytest.mark.parametrize("of", ["all", "silver", "pretrained"])
def test_every_file_of_ours_that_a_script_reads_is_a_dependency(of: str) -> None:
    for name in workflow(of):
        command = commands()[name]
        named = {Path(part.rpartition("=")[2]) for line in command["script"] for part in split_command(line)}
        known = {Path(path) for path in [*command.get("deps", []), *outputs(command)]}
        for path in named:
            if path.suffix in (".spacy", ".json", ".jsonl", ".cfg") or path.name == "model-best":
                assert path in known, (name, path)


@pytest.mark.parametrize("name", [name for name in commands() if name != "clean"])
def test_every_output_is_written_by_the_script(name: str) -> None:
    command = commands()[name]
    script = " ".join(command["script"])
    for path in outputs(command):
        # `train` and `pretrain` name model-best themselves, `report` its page
        assert re.sub(r"/(model-best(\.bin)?|index\.html)$", "", path) in script, path


# --- the assets ---


def test_assets_are_as_listed() -> None:
    result = CliRunner().invoke(tlner, ["assets", str(ROOT)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("fault", "message"), [("missing", "TL401"), ("changed", "TL402")])
def test_wrong_asset_ends_with_1(tmp_path: Path, fault: str, message: str) -> None:
    path = copy_project(tmp_path) / "assets" / "news" / "dev.iob"
    path.unlink() if fault == "missing" else path.write_text("Oslo\tB-LOC\n", encoding="utf8")
    result = CliRunner().invoke(tlner, ["assets", str(tmp_path)])
    assert result.exit_code == 1
    assert message in result.output
    assert "dev.iob" in result.output


def sentences(path: Path) -> list[tuple[str, ...]]:
    blocks = path.read_text(encoding="utf8").split("\n\n")
    words = [tuple(line.split("\t")[0] for line in block.splitlines()) for block in blocks]
    return [sentence for sentence in words if sentence and sentence != ("-DOCSTART-",)]


def letters(text: str) -> str:
    """What two copies have in common, whatever a tokenizer or typesetter does to one of them."""
    return "".join(char for char in text.casefold() if char.isalnum())


def test_assets_are_large_enough_and_do_not_overlap() -> None:
    corpora = {f"{path.parent.name}/{path.stem}": sentences(path) for path in sorted((ROOT / "assets").glob("*/*.iob"))}
    assert len(corpora["news/train"]) >= 400
    assert len(corpora["clinical/train"]) >= 200
    assert len(corpora["clinical/test"]) >= 150
    everything = [sentence for corpus in corpora.values() for sentence in corpus]
    assert len(set(everything)) == len(everything)


def test_unlabelled_reports_hold_no_sentence_of_the_corpora() -> None:
    reports = (ROOT / "assets/clinical/unlabelled.txt").read_text(encoding="utf8").splitlines()
    assert len(reports) >= 40
    corpora = [sentences(path) for path in sorted((ROOT / "assets").glob("*/*.iob"))]
    gold = [letters("".join(sentence)) for corpus in corpora for sentence in corpus]
    # pieces of a sentence are looked for as well; what is short may be said twice
    pieces = [letters(piece) for report in reports for piece in re.split(r"[.;:?!] ", report)]
    pieces = [piece for piece in pieces if len(piece) > 20]
    assert len(pieces) > 250 and len(set(pieces)) == len(pieces)
    joined, all_gold = "\n".join(map(letters, reports)), "\n".join(gold)
    assert not [sentence for sentence in gold if sentence in joined]
    assert not [piece for piece in pieces if piece in all_gold]


def test_readme_of_the_assets_counts_what_is_there() -> None:
    rows = re.findall(
        r"^\| `([\w/.]+)` \| (\d+) \w+ \| (\d+) \| ([\d,]+) \| (.+) \|$",
        (ROOT / "assets" / "README.md").read_text(encoding="utf8"),
        re.MULTILINE,
    )
    paths = {str(path.relative_to(ROOT / "assets")) for path in (ROOT / "assets").glob("*/*")}
    assert {row[0] for row in rows} == paths
    for name, *counts, mentions in rows:
        content = (ROOT / "assets" / name).read_text(encoding="utf8")
        if name.endswith(".iob"):
            blocks = sentences(ROOT / "assets" / name)
            found = [content.count("-DOCSTART-"), len(blocks), sum(map(len, blocks))]
            tags = Counter(re.findall(r"\tB-(\w+)$", content, re.MULTILINE))
            assert mentions == ", ".join(f"{label} {count}" for label, count in tags.most_common())
        else:
            nlp = spacy.blank("en")
            nlp.add_pipe("sentencizer")
            docs = list(nlp.pipe(content.splitlines()))
            found = [len(docs), sum(len(list(doc.sents)) for doc in docs), sum(map(len, docs))]
        assert [int(count.replace(",", "")) for count in counts] == found, name


# --- the configs ---


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_is_complete(path: Path) -> None:
    # what `spacy debug config` does; it fills in nothing, and exits on anything that is missing or wrong
    debug_config(path, overrides={"paths.train": "train.spacy", "paths.dev": "dev.spacy"})


def test_scratch_and_transfer_differ_in_the_transfer_and_its_two_rates_only() -> None:
    scratch, transfer = (
        Config().from_disk(ROOT / "configs" / f"ner_bilstm_crf{suffix}.cfg", interpolate=False)
        for suffix in ("", "_transfer")
    )
    for section in ("nlp", "components", "corpora", "system"):
        assert scratch[section] == transfer[section], section
    for config in (scratch, transfer):
        config["paths"].pop("source", None)
        config["training"].pop("before_to_disk")
        config["training"]["optimizer"].pop("@optimizers")
    # a warm start moves less and needs more dropout; the workflow gives both targets the same dropout
    rates = [(c["training"].pop("dropout"), c["training"]["optimizer"].pop("learn_rate")) for c in (scratch, transfer)]
    assert rates == [(0.6, 0.002), (0.7, 0.001)]
    assert scratch["paths"] == transfer["paths"]
    assert scratch["training"] == transfer["training"]


def test_label_map_comes_from_the_command_line() -> None:
    # what spacy train makes of the option that project.yml names
    overrides = {"initialize.components.tl_ner.label_map.Disease": "DISEASE"}
    config = Config().from_disk(ROOT / "configs" / "ner_bilstm_crf_transfer.cfg", overrides=overrides)
    assert config["initialize"]["components"]["tl_ner"]["label_map"] == {"Disease": "DISEASE"}


def test_blank_source_blanks_taggers_only() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tl_ner")
    nlp.add_pipe("tagger")
    nlp.config["paths"] = {"source": "/somewhere", "train": "train.spacy"}
    nlp.config["initialize"]["components"] = {
        "tl_ner": {"source": "/somewhere", "label_map": {"A": "B"}, "layers": ["words"], "labels": ["B"]},
        "tagger": {"source": "of its own"},
    }
    assert blank_source()(nlp) is nlp
    assert nlp.config["paths"] == {"source": None, "train": "train.spacy"}
    assert nlp.config["initialize"]["components"] == {
        "tl_ner": {"source": None, "label_map": None, "layers": None, "labels": ["B"]},
        "tagger": {"source": "of its own"},
    }


def test_a_saved_config_takes_another_source_from_the_command_line(tmp_path: Path) -> None:
    config = Config().from_disk(ROOT / "configs/transfer/distillation.cfg", interpolate=False)
    config["paths"]["source"] = "/somewhere"
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    blank_source()(nlp).to_disk(tmp_path)
    assert "/somewhere" not in (tmp_path / "config.cfg").read_text(encoding="utf8")
    found = spacy.util.load_config(tmp_path / "config.cfg", overrides={"paths.source": "another"}, interpolate=True)
    assert found["initialize"]["components"]["tl_ner"]["source"] == "another"
    assert found["components"]["tl_ner"]["terms"]["keep"]["source"] == "another"


# --- a language model first ---


def test_the_source_starts_from_the_language_model(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    config = Config().from_disk(ROOT / "configs/ner_bilm_crf.cfg", interpolate=False)
    config["components"]["tl_ner"]["model"] = tagger()
    config["pretraining"]["objective"]["cutoffs"] = [10, 20]
    config.to_disk(tmp_path / "configs/ner_bilm_crf.cfg")
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(held_out_texts(60)), encoding="utf8")
    corpora = tmp_path / f"corpus/seed-{SEED}/source"
    corpora.mkdir(parents=True)
    for name in ("train", "dev"):
        write_corpus(corpora / f"{name}.spacy", 20)
    for name in ("pretrain", "train-source-pretrained"):
        run_script(tmp_path, name, pretraining_texts="texts.txt")
    made = tmp_path / f"training/seed-{SEED}"
    kept = srsly.read_json(made / "source/model-best/meta.json")["spacy_tlner"]["tl_ner"]["pretrained"]
    assert Path(kept["path"]) == Path(f"training/seed-{SEED}/language-model/model-best.bin")
    assert {"words", "encoder"} <= kept["copied"].keys()
    # another text has other words; they are counted again
    words = (made / "language-model/words.txt").read_text(encoding="utf8")
    texts.write_text(texts.read_text(encoding="utf8").replace("the", "thy"), encoding="utf8")
    run_script(tmp_path, "pretrain", pretraining_texts="texts.txt")
    assert (made / "language-model/words.txt").read_text(encoding="utf8") != words


# --- silver to gold, the scripts of project.yml as they stand, in this process and on small data ---

# batches of 8 sentences; the silver model starts at random, so that what it knows is the silver corpus's
QUICK: dict[str, Any] = {
    **SMALL,
    "max_steps": 80,
    "eval_frequency": 40,
    "unlabelled": "texts.txt",
    "silver_config": "configs/ner_bilstm_crf.cfg",
}
# with a name that stands in test only
STRANGE = ("Zanzibar is hot in June .", "He wrote to Plato from Zanzibar .")


def run_script(folder: Path, name: str, **variables: Any) -> None:
    """What weasel does with a command, without starting Python for each line of a script."""
    command = commands(**{**QUICK, **variables})[name]
    with working_dir(folder):
        for path in command["deps"]:
            assert Path(path).exists(), (name, path)
        for line in command["script"]:
            python, *rest = split_command(line)
            assert python == "python" and rest[0] in ("-c", "-m")
            if rest[0] == "-c":
                subprocess.run([sys.executable, *rest], check=True, timeout=60)
            else:
                assert rest[1] == "spacy"
                result = CliRunner().invoke(app, rest[2:])
                assert result.exit_code == 0, (line, result.output, result.exception)
        for path in outputs(command):
            assert Path(path).exists(), (name, path)


@pytest.fixture(scope="module")
def silver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of silver ran, behind a transferred model that was trained elsewhere."""
    folder = tmp_path_factory.mktemp("silver")
    (folder / "configs/transfer").mkdir(parents=True)
    for name in ("ner_bilstm_crf", "transfer/warm_start"):
        config = Config().from_disk(ROOT / f"configs/{name}.cfg", interpolate=False)
        config["components"]["tl_ner"]["model"] = tagger()
        config["training"]["optimizer"]["learn_rate"] = 0.01
        config.to_disk(folder / f"configs/{name}.cfg")
    for name in ("source", "warm_start"):
        (folder / f"training/seed-{SEED}/{name}").mkdir(parents=True)
        trained().to_disk(folder / f"training/seed-{SEED}/{name}/model-best")
    log = {"epoch": 0, "step": 0, "losses": {}, "scores": {"ents_f": 50.0}, "score": 0.5}
    srsly.write_jsonl(folder / f"training/seed-{SEED}/warm_start/log.jsonl", [log])
    corpora = folder / f"corpus/seed-{SEED}"
    for name in ("source", "target"):
        (corpora / name).mkdir(parents=True)
    write_corpus(corpora / "source/train.spacy", 20)
    write_corpus(corpora / "source/kept.spacy", 15, skip=450)
    write_corpus(corpora / "target/train.spacy", 60, skip=300)
    write_corpus(corpora / "target/dev.spacy", 15, skip=400)
    nlp = spacy.blank("en")
    test = [example.reference for example in make_examples(nlp, 40, skip=500)]
    test.append(make_doc(nlp, STRANGE[0].split(), [("LOC", 0, 1)]))
    DocBin(docs=test).to_disk(corpora / "target/test.spacy")
    copies = [test[0].text.strip(), test[1].text.strip().lower()]
    texts = "\n".join([*held_out_texts(80), *copies, *STRANGE])
    (folder / "texts.txt").write_text(texts, encoding="utf8")
    for name in workflow("silver")[-5:]:
        run_script(folder, name)
    return folder


def gold_letters(folder: Path) -> set[str]:
    """The sentences of test and dev."""
    vocab = spacy.blank("en").vocab
    paths = [folder / f"corpus/seed-{SEED}/target/{name}.spacy" for name in ("test", "dev")]
    return {letters(doc.text) for path in paths for doc in DocBin().from_disk(path).get_docs(vocab)}


def test_silver_has_every_sentence_but_those_of_gold(silver: Path) -> None:
    gold = gold_letters(silver)
    texts = (silver / "texts.txt").read_text(encoding="utf8").splitlines()
    free = [text for text in texts if letters(text) not in gold and text not in STRANGE]
    found = srsly.read_json(silver / f"metrics/seed-{SEED}/silver-1/label.json")
    removed = found["removed"]["sentences"]
    assert (removed["same"], removed["string"], removed["document"]) == (len(texts) - len(free) - 1, 1, 0)
    docs = list(DocBin().from_disk(silver / f"corpus/seed-{SEED}/silver-1/train.spacy").get_docs(trained().vocab))
    # some are nearly gold, for the sentences of this corpus are few; of none is the teacher in doubt altogether
    assert 50 < len(docs) == found["written"]["sentences"] == len(free) - removed["near"] - found["not_drawn"]
    assert {doc.text for doc in docs} <= set(free)
    # the teacher knows these names; what it writes is certain
    assert {ent.label_ for doc in docs for ent in doc.ents} == set(LABELS)


def test_silver_model_is_what_gold_starts_from(silver: Path) -> None:
    models = silver / f"training/seed-{SEED}/silver-1"
    first, last = (spacy.load(models / name / "model-best") for name in ("silver", "gold"))
    assert "warm_start" not in first.meta.get("spacy_tlner", {}).get("tl_ner", {})
    kept = last.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert Path(kept["source"]) == Path(f"training/seed-{SEED}/silver-1/silver/model-best")
    assert kept["labels"] == {label: label for label in LABELS}
    assert kept["labels_fresh"] == kept["labels_dropped"] == []
    # after one batch the other knows already what silver taught
    at_random, taught = (list(srsly.read_jsonl(models / name / "log.jsonl")) for name in ("silver", "gold"))
    assert [row["step"] for row in taught] == [0, 40, 80]
    assert at_random[0]["score"] < 0.3 < 0.6 < taught[0]["score"]


def test_silver_scores_and_report(silver: Path) -> None:
    metrics = silver / f"metrics/seed-{SEED}/silver-1"
    scores = {path.stem: srsly.read_json(path)["ents_f"] for path in metrics.glob("*.json") if path.stem != "label"}
    assert set(scores) == {"warm_start", "teacher", "silver", "gold", "gold-on-source"}
    # by default the one is the other
    assert scores["teacher"] == scores["warm_start"] > 0.8
    assert scores["gold"] > 0.8
    # both corpora of this test are of one kind
    assert scores["gold-on-source"] > 0.8
    page = (silver / f"report/silver-1/seed-{SEED}/index.html").read_text(encoding="utf8")
    for text in (
        "round 1",
        "silver-to-gold",
        "silver-to-gold on news test, labels that clinical has",
        "mean F1 of its labels",
        f"{100 * scores['gold']:.1f}",
        f"{100 * scores['silver']:.1f}",
    ):
        assert text in page
    # the report of `all` is another page
    assert not (silver / "report/index.html").exists()


def test_second_silver_round_leaves_the_first(silver: Path) -> None:
    teacher = f"training/seed-{SEED}/silver-1/gold/model-best"
    corpus, other = (silver / f"corpus/seed-{SEED}/silver-{i}/train.spacy" for i in (1, 2))
    before = corpus.read_bytes()
    run_script(silver, "label-silver", silver_round=2, silver_teacher=teacher)
    assert corpus.read_bytes() == before
    assert other.is_file()
    assert srsly.read_json(silver / f"metrics/seed-{SEED}/silver-2/label.json")["model"] == teacher


# --- the run ---


@pytest.mark.slow
def test_run_leaves_every_declared_output(project: Path) -> None:
    for name in workflow():
        for path in outputs(commands(seed=SEED)[name]):
            assert (project / path).exists(), (name, path)
    assert (project / "report" / "index.html").is_file()


@pytest.mark.slow
def test_metrics_and_logs_hold_what_the_report_reads(project: Path) -> None:
    metrics = project / f"metrics/seed-{SEED}"
    for path in metrics.glob("*.json"):
        if not path.name.startswith("calibration-"):
            assert 0 <= srsly.read_json(path)["ents_f"] <= 1
    # what is forgotten is read on labels that the target's model has
    kept = DocBin().from_disk(project / f"corpus/seed-{SEED}/source/kept.spacy").get_docs(spacy.blank("en").vocab)
    assert {ent.label_ for doc in kept for ent in doc.ents} == {"ORG"}
    for name in ("scratch", "warm_start"):
        assert set(read_calibration(metrics / f"calibration-{name}.json").corpora) == {"dev", "test"}
    for name in ("source", "scratch", "warm_start"):
        steps = [row["step"] for row in srsly.read_jsonl(project / f"training/seed-{SEED}/{name}/log.jsonl")]
        assert steps == [0, 15, 30]


@pytest.mark.slow
def test_calibration_changes_the_temperature_and_nothing_else(project: Path) -> None:
    for name in ("scratch", "warm_start"):
        best, calibrated = (project / f"training/seed-{SEED}/{name}" / of for of in ("model-best", "model-calibrated"))
        found = read_calibration(project / f"metrics/seed-{SEED}/calibration-{name}.json")
        files = sorted(path.relative_to(best) for path in best.rglob("*") if path.is_file())
        assert sorted(path.relative_to(calibrated) for path in calibrated.rglob("*") if path.is_file()) == files
        differing = [path for path in files if (best / path).read_bytes() != (calibrated / path).read_bytes()]
        assert differing == [Path("meta.json"), Path("tl_ner/cfg")]
        meta, noted = (srsly.read_json(folder / "meta.json") for folder in (best, calibrated))
        assert noted["spacy_tlner"]["tl_ner"].pop("calibrated") == {"dev": f"corpus/seed-{SEED}/target/dev.spacy"}
        meta.setdefault("spacy_tlner", {}).setdefault("tl_ner", {})
        assert noted == meta
        assert srsly.read_json(calibrated / "tl_ner/cfg")["temperatures"] == {"main": found.after}


@pytest.mark.slow
def test_transferred_model_remembers_what_was_copied_but_not_the_path(project: Path) -> None:
    model = project / f"training/seed-{SEED}/warm_start/model-best"
    config = Config().from_disk(model / "config.cfg")
    assert config["paths"]["source"] is None
    assert config["initialize"]["components"]["tl_ner"]["source"] is None
    nlp = spacy.load(model)
    kept = nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert kept["labels"] == {"ORG": "ORG"}
    assert sorted(kept["labels_dropped"]) == ["LOC", "MISC", "PER"]
    assert set(nlp.get_pipe("tl_ner").labels) == {"CHEMICAL", "DISEASE", "ORG"}
