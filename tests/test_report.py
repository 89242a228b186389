"""The report, from small inputs made by hand: its numbers, its HTML, its plot, what it says of wrong inputs."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner, Result

from spacy_tlner.cli import tlner
from spacy_tlner.measure.calibration import Calibration, Change
from spacy_tlner.measure.reliability import Bin, Reliability
from spacy_tlner.measure.thresholds import Promise
from spacy_tlner.report.examples import evenly
from spacy_tlner.report.page import Report, difference, render
from spacy_tlner.report.plot import Series, line_plot
from spacy_tlner.report.reliability import lowest, reliability_plot
from spacy_tlner.report.results import Run, Score, read_curve

NASTY = "<script>alert('x')</script>"
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Balanced(HTMLParser):
    """Fails on a tag that closes another one than the last opened; keeps text, tags and every address."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.text += data


def make_inputs(folder: Path) -> list[str]:
    """Two rule-based models, their scores and logs, and a corpus with marks that HTML would take for its own."""
    nlp = spacy.blank("en")
    doc = spacy.tokens.Doc(nlp.vocab, words=["Aspirin", "helps", NASTY, "&", "Bayer"])
    doc.ents = [spacy.tokens.Span(doc, 0, 1, label="A<B"), spacy.tokens.Span(doc, 4, 5, label="ORG")]
    plain = spacy.tokens.Doc(nlp.vocab, words=["Nothing", "here"])
    DocBin(docs=[doc, plain]).to_disk(folder / "test.spacy")
    arguments = [str(folder / "test.spacy"), str(folder / "report" / "seed-1")]
    scores = {"scratch": (0.5, 0.25, 0.333), "transfer & co": (0.8, 0.6, 0.6857)}
    for i, (name, (p, r, f)) in enumerate(scores.items()):
        model = spacy.blank("en")
        ruler = model.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": "ORG", "pattern": "Bayer"}, *([{"label": "A<B", "pattern": "Aspirin"}] * i)])
        model.to_disk(folder / f"model-{i}")
        per_type = {"A<B": {"p": p, "r": r, "f": f}, "ORG": {"p": 1.0, "r": 0.1 * i, "f": 0.125 * i}}
        srsly.write_json(folder / f"{i}.json", {"ents_p": p, "ents_r": r, "ents_f": f, "ents_per_type": per_type})
        log = [{"step": step, "scores": {"ents_f": f * step}, "score": 0} for step in (0, 50, 100)]
        srsly.write_jsonl(folder / f"{i}.jsonl", log)
        arguments += ["--run", f"{name}={folder / f'{i}.json'}", "--log", f"{name}={folder / f'{i}.jsonl'}"]
        arguments += ["--model", f"{name}={folder / f'model-{i}'}"]
    return arguments


def invoke(arguments: list[str]) -> Result:
    return CliRunner().invoke(tlner, ["report", *arguments])


def test_page_holds_the_numbers(tmp_path: Path) -> None:
    result = invoke([*make_inputs(tmp_path), "--title", f"Report {NASTY}"])
    assert result.exit_code == 0, result.output
    html = (tmp_path / "report/seed-1/index.html").read_text(encoding="utf8")
    page = Balanced(html)
    for figure in ("33.3", "68.6", "+35.3", "50.0", "25.0", "+12.5", "2 mentions"):
        assert figure in page.text, figure
    # scores and figures of the terminal are the page's
    for figure in ("33.3", "68.6", "+35.3", "+12.5"):
        assert figure in result.output
    assert "best 68.6 at step 100" in page.text
    assert "The models mark 1 of 2 test documents" in " ".join(page.text.split())
    assert "1 of 2 right" in page.text
    assert "2 of 2 right" in page.text


def test_page_escapes_and_needs_no_network(tmp_path: Path) -> None:
    assert invoke([*make_inputs(tmp_path), "--title", f"Report {NASTY}"]).exit_code == 0
    html = (tmp_path / "report/seed-1/index.html").read_text(encoding="utf8")
    page = Balanced(html)
    assert "script" not in page.tags
    assert NASTY in page.text
    assert "A<B" in page.text
    assert "transfer & co" in page.text
    assert page.addresses == []
    assert not re.search(r"url\(|@import", html)


def test_a_corpus_without_mentions_of_which_none_is_found_has_no_score(tmp_path: Path) -> None:
    # what `spacy evaluate` writes of a source's test set of which the target has no label
    srsly.write_json(tmp_path / "empty.json", {"speed": 1.0, "ents_f": None, "ents_per_type": None})
    assert invoke([*make_inputs(tmp_path), "--also", f"kept={tmp_path / 'empty.json'}"]).exit_code == 0
    assert "kept: no mention" in Balanced((tmp_path / "report/seed-1/index.html").read_text(encoding="utf8")).text


def test_of_another_corpus_the_mean_over_its_labels_is_told(tmp_path: Path) -> None:
    """By hand: ORG 0.5, LOC that was not found 0, and A<B, which is not annotated there, no error: 25.0."""
    nlp = spacy.blank("en")
    doc = spacy.tokens.Doc(nlp.vocab, words=["Bayer", "left", "Oslo"])
    doc.ents = [spacy.tokens.Span(doc, 0, 1, label="ORG"), spacy.tokens.Span(doc, 2, 3, label="LOC")]
    DocBin(docs=[doc]).to_disk(tmp_path / "source.spacy")
    per_type = {"ORG": {"p": 0.5, "r": 0.5, "f": 0.5}, "A<B": {"p": 0.0, "r": 0.0, "f": 0.0}}
    srsly.write_json(tmp_path / "kept.json", {"ents_p": 0.1, "ents_r": 0.3, "ents_f": 0.15, "ents_per_type": per_type})
    arguments = [*make_inputs(tmp_path), "--also", f"kept={tmp_path / 'kept.json'}"]
    assert invoke(arguments).exit_code == 0
    page = tmp_path / "report/seed-1/index.html"
    assert "kept: 15.0 F1 (ORG 50.0)" in Balanced(page.read_text(encoding="utf8")).text
    arguments += ["--also-corpus", f"kept={tmp_path / 'source.spacy'}"]
    assert invoke(arguments).exit_code == 0
    text = Balanced(page.read_text(encoding="utf8")).text
    assert "kept: 25.0 mean F1 of its labels (LOC 0.0, ORG 50.0)" in text


def test_scores_of_another_corpus_are_told(tmp_path: Path) -> None:
    """The first model finds one of two mentions, 66.7 F1; 33.3 stands in its scores."""
    arguments = make_inputs(tmp_path)
    result = invoke(arguments)
    assert result.exit_code == 0
    told = " ".join(result.output.split())
    assert "[TL411]" in told and "F1 33.3 in" in told and "66.7 on the corpus" in told
    for i, found in enumerate((2 / 3, 1.0)):
        content = srsly.read_json(tmp_path / f"{i}.json")
        srsly.write_json(tmp_path / f"{i}.json", {**content, "ents_f": found})
    result = invoke(arguments)
    assert "TL411" not in result.output
    assert "transfer & co - scratch: +33.3 F1, 95 %" in result.output


def test_the_folder_above_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = make_inputs(tmp_path)
    (tmp_path / "report/seed-1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "report/seed-1")
    arguments[1] = "."
    assert invoke(arguments).exit_code == 0
    assert (tmp_path / "report/index.html").is_file() and (tmp_path / "report/seed-1/index.html").is_file()


def test_a_page_of_someone_else_stays(tmp_path: Path) -> None:
    arguments = make_inputs(tmp_path)
    upper, own = tmp_path / "report/index.html", tmp_path / "report/seed-1/index.html"
    upper.parent.mkdir()
    upper.write_text("<h1>mine</h1>")
    result = invoke(arguments)
    assert result.exit_code == 0 and "TL410" in result.output
    assert own.is_file() and upper.read_text() == "<h1>mine</h1>"
    own.write_text("<h1>mine, too</h1>")
    result = invoke(arguments)
    assert result.exit_code == 1 and "TL409" in result.output
    assert own.read_text() == "<h1>mine, too</h1>"


def test_second_report_stands_beside_the_first(tmp_path: Path) -> None:
    arguments = make_inputs(tmp_path)
    assert invoke([*arguments, "--title", "First"]).exit_code == 0
    arguments[1] = str(tmp_path / "report" / "seed-2")
    assert invoke([*arguments, "--title", "Second"]).exit_code == 0
    assert "First" in (tmp_path / "report/seed-1/index.html").read_text(encoding="utf8")
    upper = Balanced((tmp_path / "report/index.html").read_text(encoding="utf8"))
    assert upper.addresses == ["seed-1/index.html", "seed-2/index.html"]
    assert "Second" in upper.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--run", "no-path"], "TL407"),
        (["--run", "scratch=again.json"], "TL407"),
        (["--log", "nobody=log.jsonl"], "TL407"),
        (["--run", "gone=gone.json"], "TL403"),
        (["--run", "empty={folder}/empty.json"], "TL404"),
        (["--also", "none={folder}/none.json"], "TL404"),
        (["--also", "broken={folder}/broken.json"], "TL403"),
        (["--also-corpus", "nobody={folder}/test.spacy"], "TL407"),
        (["--calibration", "nobody={folder}/empty.json"], "TL407"),
        (["--calibration", "scratch={folder}/gone.json"], "TL403"),
        (["--calibration", "scratch={folder}/empty.json"], "TL507"),
        (["--calibration", "scratch={folder}/list.json"], "TL507"),
    ],
)
def test_wrong_input_is_named(tmp_path: Path, change: list[str], message: str) -> None:
    arguments = make_inputs(tmp_path)
    srsly.write_json(tmp_path / "empty.json", {"speed": 1.0, "ents_f": None})
    srsly.write_json(tmp_path / "none.json", {"speed": 1.0})
    srsly.write_json(tmp_path / "list.json", [1, 2])
    (tmp_path / "broken.json").write_text("{", encoding="utf8")
    result = invoke([*arguments, *(part.format(folder=tmp_path) for part in change)])
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "report").exists()


def test_wrong_log_corpus_and_model_are_named(tmp_path: Path) -> None:
    arguments = make_inputs(tmp_path)
    srsly.write_jsonl(tmp_path / "0.jsonl", [{"step": 1, "scores": {"cats_score": 1.0}}])
    assert "TL405" in invoke(arguments).output
    arguments = make_inputs(tmp_path)
    (tmp_path / "test.spacy").write_bytes(b"no corpus")
    assert "TL214" in invoke(arguments).output
    arguments[arguments.index("--model") + 1] = f"scratch={tmp_path / 'gone'}"
    assert "TL408" in invoke(arguments).output


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    arguments = make_inputs(tmp_path)
    Path(arguments[1]).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments[1]).write_text("a file stands in its place", encoding="utf8")
    result = invoke(arguments)
    assert result.exit_code == 1 and "TL406" in result.output and Path(arguments[1]).name in result.output


def test_curve_is_read_as_logged(tmp_path: Path) -> None:
    srsly.write_jsonl(tmp_path / "log.jsonl", [{"step": 10, "scores": {"ents_f": 12.5}}])
    assert read_curve(tmp_path / "log.jsonl") == [(10, 0.125)]


def test_page_without_extras() -> None:
    score = Score(0.1, 0.2, 0.15)
    page = Balanced(render(Report("Bare", [Run("only", score, {"ORG": score})])))
    assert "15.0" in page.text
    assert "Learning" not in page.text
    assert "svg" not in page.tags


def calibration(*corpora: str) -> Calibration:
    before = Reliability.of([0.75, 0.85, 0.95, 0.97], [True, False, True, False])
    after = Reliability.of([0.45, 0.55, 0.65, 0.57], [True, False, True, False])
    change = {name: Change(before, after) for name in corpora}
    return Calibration("tl_ner", 1.0, 2.25, True, change, Promise(0.4, 0.8))


def test_page_shows_calibration_before_and_after(tmp_path: Path) -> None:
    arguments = make_inputs(tmp_path)
    for name, corpora in (("scratch", ["dev", "test"]), ("transfer & co", ["dev", "test"])):
        srsly.write_json(tmp_path / "calibration.json", calibration(*corpora).to_dict())
        arguments += ["--calibration", f"{name}={tmp_path / 'calibration.json'}"]
    assert invoke(arguments).exit_code == 0
    page = Balanced((tmp_path / "report/seed-1/index.html").read_text(encoding="utf8"))
    text = " ".join(page.text.split())
    # one line plot, and two diagrams a run
    assert page.tags.count("figure") == 4
    assert "Before, temperature 1.00: ECE 0.530" in text
    assert "After, temperature 2.25: ECE 0.505" in text
    assert "4 bins of 1 mention" in text
    assert "found in the test corpus" in text
    # by hand: of four pairs of a right and a wrong one, 0.95 and 0.85 alone are in order, then both of 0.65
    for figure in ("Mean confidence 0.880 0.555 0.880 0.555", "AUROC 0.250 0.500"):
        assert figure in text, figure


def test_page_says_which_corpus_and_that_nothing_was_fitted() -> None:
    score = Score(0.1, 0.2, 0.15)
    nothing = Reliability.of([], [])
    found = Calibration("tl_ner", 1.0, 1.0, False, {"dev": Change(nothing, nothing)}, Promise(0.0, 0.0))
    page = Balanced(render(Report("Bare", [Run("only", score, {})], calibrations={"only": found})))
    text = " ".join(page.text.split())
    assert "found in the dev corpus" in text
    assert "The dev corpus did not tell which temperature is better" in text
    assert "ECE –" in text


def test_reliability_plot_draws_bins_where_they_belong() -> None:
    bins = [Bin(20, 0.5, 0.5), Bin(21, 0.75, 0.5), Bin(20, 1.0, 1.0)]
    assert lowest([bins]) == 0.5
    assert lowest([bins, [Bin(1, 0.93, 0.31)]]) == 0.3
    assert lowest([]) == 0.5
    svg = reliability_plot(bins, low=0.5, color="#123456", title="T & U")
    Balanced(svg)
    assert "T &amp; U" in svg
    dots = [tuple(map(float, found)) for found in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    ideal = tuple(
        map(float, re.search(r'"ideal" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', svg).groups())
    )
    # the first and the last dot are the ends of the diagonal, the second lies half the way to the right and low
    assert dots[0] == ideal[:2]
    assert dots[2] == ideal[2:]
    assert dots[1] == (pytest.approx((ideal[0] + ideal[2]) / 2, abs=0.1), ideal[1])
    assert ideal[0] < ideal[2]
    assert ideal[1] > ideal[3]
    # one standard error up from one half of 20: sqrt(0.25 / 20), in units of the axis
    top = float(re.search(r'<g .*?<line x1="[\d.]+" y1="([\d.]+)"', svg, re.DOTALL)[1])
    assert (dots[0][1] - top) / (ideal[1] - ideal[3]) == pytest.approx((0.25 / 20) ** 0.5 / 0.5, abs=0.01)
    assert "20 mentions: 50 right of 100, confidence 50" in svg
    Balanced(reliability_plot([], low=0.5, color="#123456", title=""))


def test_plot_draws_what_it_is_given() -> None:
    svg = line_plot([Series("a", [(0, 0.0), (50, 0.4), (100, 0.8)]), Series("b", [])], title="T & U", x_label="x")
    Balanced(svg)
    assert "T &amp; U" in svg
    points = [tuple(map(float, point.split(","))) for point in re.search(r'points="([^"]+)"', svg)[1].split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    # equal steps in both directions, upwards, within the frame
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert 0 < x0 < x2 <= 600
    assert 300 > y0 > y2 > 0
    Balanced(line_plot([], title="", x_label=""))


def test_plot_with_ticks_and_a_legend_stands_alone() -> None:
    lines = [Series("a & b", [(0, 0.2), (3, 0.8)]), Series("c", [(0, 0.1)])]
    svg = line_plot(lines, title="T", x_label="x", ticks={0: "50", 1: "1 < 2", 3: "all"}, legend=True)
    Balanced(svg)
    at = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([^<]+)<', svg)}
    # ticks stand where lines would: their distances are those of 0, 1 and 3
    assert (at["all"] - at["50"]) == pytest.approx(3 * (at["1 &lt; 2"] - at["50"]), abs=0.3)
    width = float(re.search(r'viewBox="0 0 (\d+) ', svg)[1])
    legend = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)" y="[\d.]+">([^<]+)<', svg)}
    assert set(legend) == {"a &amp; b", "c"}
    assert all(at["all"] < x < width for x in legend.values())


@pytest.mark.parametrize(
    ("items", "limit", "expected"),
    [
        ([], 3, []),
        ([5], 3, [5]),
        (list(range(10)), 5, [0, 2, 4, 6, 8]),
        (list(range(4)), 8, [0, 1, 2, 3]),
        ([1], 0, []),
    ],
)
def test_examples_are_evenly_spaced(items: list[int], limit: int, expected: list[int]) -> None:
    assert evenly(items, limit) == expected


def test_differences_add_up_as_shown() -> None:
    # 12.34 and 10.06 are shown as 12.3 and 10.1; a reader subtracts these
    assert difference(0.1234, 0.1006) == "+2.2"
    assert difference(0.1, 0.2) == "−10.0"
    assert difference(0.1, 0.1) == "+0.0"
