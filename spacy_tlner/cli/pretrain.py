"""`spacy tlner pretrain`: the `[pretraining]` block with schedules, dev perplexity, checkpoints and true resume."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import fail

if TYPE_CHECKING:
    from ..pretraining.loop import Run


def pretrain(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(metavar="CONFIG", exists=True, dir_okay=False, help="Config file.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", file_okay=False, help="Folder for weights and log.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in OUTPUT.")] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Begin anew where OUTPUT holds a pretraining, with a word list that lies there, unless it is an "
            "unfinished one of the same settings and text: that is resumed.",
        ),
    ] = False,
    n_dev: Annotated[
        int,
        typer.Option(
            min=1, help="Documents held out from the start of the corpus, if there is no [corpora.pretrain_dev]."
        ),
    ] = 1000,
    n_words: Annotated[
        int, typer.Option(min=1, help="Words to predict, if the word list is not there yet and is counted.")
    ] = 30000,
    code: Annotated[Path | None, typer.Option("--code", "-c", help="Python file with registered functions.")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")] = -1,
) -> None:
    """Train an encoder on unlabelled text as two language models, one a direction (spacy_tlner.PretrainBiLM.v1).

    The same config and [pretraining] block as for `spacy pretrain`; its settings can be overwritten, as in --paths.text
    corpus.txt. Every n_save_every batches and after each epoch the dev perplexity is logged and a checkpoint written.
    OUTPUT/model-best.bin is what [initialize.components.tl_ner] pretrained takes.
    """
    from spacy.cli._util import import_code, parse_config_overrides, setup_gpu
    from spacy.util import load_config
    from wasabi import msg

    from ..files import set_aside
    from ..pretraining.loop import CHECKPOINT, LOG
    from ..pretraining.loop import run as run_loop
    from .resume import can_go_on, left_by, settings_of

    if resume and replace:
        raise typer.BadParameter("--resume and --replace are two answers to one question; give one of them")
    overrides = parse_config_overrides(ctx.args)
    import_code(code)
    setup_gpu(gpu_id)
    try:
        config = load_config(config_path, overrides=overrides, interpolate=False)
        old: list[Path] = []
        if replace:
            _, filled, _ = _fill(config)
            block = filled["pretraining"]
            resume = can_go_on(output / CHECKPOINT, settings_of(filled, output, n_dev), block["max_epochs"])
            old = [] if resume else left_by(output, block["objective"].get("words"))
            if resume or old:
                msg.info(f"{output} holds a pretraining, which {'goes on' if resume else 'this one replaces'}")
        else:
            _check_output(output, resume, (CHECKPOINT, LOG))
        # what cannot begin leaves what stood there
        with set_aside(old):
            task = prepare(config, output, n_dev=n_dev, n_words=n_words, use_gpu=gpu_id >= 0)
        msg.info(f"{len(task.dev):,} documents held out; weights, log and checkpoint go to {output}")
        msg.row(("epoch", "step", "words", "loss", "dev ppl", "dev UNK", "words/s"), widths=_WIDTHS)
        best = run_loop(task, resume=resume, on_log=_print_row)
    except (ValueError, OSError) as error:
        fail(error)
    msg.good(f"Lowest dev perplexity: {best}")


def prepare(config: Any, output: Path, *, n_dev: int, n_words: int, use_gpu: bool = False) -> "Run":
    """A `Run` from a config; writes the word list if its file is not there.

    Raises TL607, TL608, TL612 and what its parts raise.
    """
    from spacy.training.pretrain import create_pretraining_model, ensure_docs
    from spacy.util import dot_to_object, registry
    from thinc.api import fix_random_seed, set_gpu_allocator
    from wasabi import msg

    from ..errors import Errors
    from ..pretraining.loop import Run, split_dev
    from ..pretraining.word_list import WordList
    from .resume import settings_of

    nlp, filled, settings = _fill(config)
    if filled["training"]["seed"] is not None:
        fix_random_seed(filled["training"]["seed"])
    if use_gpu and filled["training"]["gpu_allocator"]:
        set_gpu_allocator(filled["training"]["gpu_allocator"])
    block = filled["pretraining"]
    _check_settings(nlp, settings)
    corpus = registry.resolve({"corpus": dot_to_object(filled, block["corpus"])})["corpus"]
    if "pretrain_dev" in filled["corpora"]:
        dev = ensure_docs(registry.resolve({"corpus": filled["corpora"]["pretrain_dev"]})["corpus"](nlp))
    else:
        corpus, dev = split_dev(corpus, nlp, n_dev)
    words = block["objective"].get("words")
    if words is not None and Path(words).exists():
        msg.info(f"Words to predict: {words}, which is there already")
    elif words is not None:
        msg.info(f"Counting words for {words}")
        docs = (example.reference for example in corpus(nlp))
        counted = WordList.count(docs, block["objective"].get("attr", "LOWER"), n_words)
        if not counted.words:
            raise ValueError(Errors.TL608.format(n_dev=len(dev)))
        try:
            counted.write(Path(words))
        except OSError as error:
            raise ValueError(Errors.TL612.format(path=words, reason=error.strerror or error)) from error
    try:
        model = create_pretraining_model(nlp, settings)
    except ValueError as error:
        # spaCy's message for whatever the encoder says when it is initialized, which says more (E874)
        raise (error.__context__ if isinstance(error.__context__, ValueError) else error) from None
    if "predictions" not in model.attrs:
        raise ValueError(Errors.TL607.format(reason=f"the objective is {block['objective'].get('@architectures')}"))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(Errors.TL612.format(path=output, reason=error.strerror)) from error
    return Run(
        nlp=nlp,
        model=model,
        optimizer=settings["optimizer"],
        corpus=corpus,
        batcher=settings["batcher"],
        dev=dev,
        output=output,
        max_epochs=settings["max_epochs"],
        n_save_every=settings["n_save_every"],
        n_save_epoch=settings["n_save_epoch"],
        settings=settings_of(filled, output, n_dev),
    )


def _fill(config: Any) -> tuple[Any, Any, dict[str, Any]]:
    """The pipeline of a config, its config with nothing left out, and what `[pretraining]` is resolved to.

    Raises TL607, and what confection raises on a block that is not whole.
    """
    from spacy.schemas import ConfigSchemaPretrain
    from spacy.util import load_model_from_config, registry

    from ..errors import Errors

    if not config.get("pretraining"):
        raise ValueError(Errors.TL607.format(reason="[pretraining] is missing or empty"))
    config = config.copy()
    config.setdefault("initialize", {})["init_tok2vec"] = None
    unknown = [key for key in config["pretraining"] if key not in ConfigSchemaPretrain.__annotations__]
    if unknown:
        # spaCy's own command passes over them
        known = ", ".join(ConfigSchemaPretrain.__annotations__)
        raise ValueError(Errors.TL607.format(reason=f"[pretraining] has {', '.join(unknown)}; it may have {known}"))
    try:
        nlp = load_model_from_config(config, auto_fill=True)
    except ImportError as error:
        raise ValueError(Errors.TL212.format(lang=config["nlp"].get("lang"), reason=error)) from error
    filled = nlp.config.interpolate()
    settings = registry.resolve(filled["pretraining"], schema=ConfigSchemaPretrain)
    if settings["corpus"].split(".")[-1] not in filled["corpora"]:
        raise ValueError(Errors.TL607.format(reason=f"there is no corpus {settings['corpus']}"))
    return nlp, filled, settings


def _check_settings(nlp: Any, settings: dict[str, Any]) -> None:
    """Before words are counted, which may take minutes. Raises TL607."""
    from ..errors import Errors
    from ..optimizer import GroupedOptimizer

    component, layer = settings["component"], settings["layer"]
    if component not in nlp.component_names:
        raise ValueError(Errors.TL607.format(reason=f"there is no component {component!r}"))
    if layer and not nlp.get_pipe(component).model.has_ref(layer):
        raise ValueError(Errors.TL607.format(reason=f"component {component!r} has no layer {layer!r}"))
    optimizer = settings["optimizer"]
    if isinstance(optimizer, GroupedOptimizer) and (optimizer.factors or optimizer.strengths):
        reason = "its optimizer has rates for layer groups (groups, l2_sp), and pretraining trains the encoder as one"
        raise ValueError(Errors.TL607.format(reason=reason))
    if settings["max_epochs"] < 1:
        raise ValueError(Errors.TL607.format(reason=f"max_epochs is {settings['max_epochs']}, expected at least 1"))


def _check_output(output: Path, resume: bool, names: tuple[str, ...]) -> None:
    from ..errors import Errors

    found = [name for name in names if (output / name).exists()]
    if found and not resume:
        raise ValueError(Errors.TL606.format(path=output, found=", ".join(found)))


def _print_row(row: dict[str, Any]) -> None:
    from wasabi import msg

    cells = (
        row["epoch"],
        row["step"],
        f"{row['words']:,}",
        f"{row['loss']:.3f}",
        f"{row['dev_perplexity']:.1f}",
        f"{100 * row['dev_unknown']:.1f} %",
        f"{row['words_per_second']:,.0f}",
    )
    msg.row(cells, widths=_WIDTHS)


_WIDTHS = (5, 8, 12, 7, 9, 8, 9)
