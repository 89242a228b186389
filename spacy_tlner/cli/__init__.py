"""The command `python -m spacy tlner`: one file a command, registered here.

spaCy imports this module at every `spacy` command, through the entry point in setup.py. So nothing heavy may be
imported here or at the top of a command's file; a command imports what it needs when it runs.
"""

import typer
from spacy.cli._util import app

from .adapt import adapt
from .assets import assets
from .calibrate import calibrate
from .check import check
from .convert import convert
from .pretrain import pretrain
from .report import report
from .silver import silver
from .suggest import suggest
from .vectors import vectors
from .weigh import weigh

tlner = typer.Typer(
    name="tlner",
    help="Transfer-learning named entity recognition: corpora in, trained transfer out.",
    no_args_is_help=True,
    rich_markup_mode=None,  # as spaCy's own commands
)
tlner.command("convert")(convert)
tlner.command("check")(check)
tlner.command("assets")(assets)
tlner.command("calibrate")(calibrate)
tlner.command("suggest")(suggest)
tlner.command("pretrain", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(pretrain)
tlner.command("vectors")(vectors)
tlner.command("adapt")(adapt)
tlner.command("silver")(silver)
tlner.command("weigh")(weigh)
tlner.command("report")(report)

app.add_typer(tlner)
