"""`spacy tlner assets`: verify a project's files against the checksums in its project.yml."""

from pathlib import Path
from typing import Annotated

import typer


def assets(
    project_dir: Annotated[
        Path, typer.Argument(help="Folder with the project.yml.", exists=True, file_okay=False)
    ] = Path(),
) -> None:
    """Check that every asset of project.yml is there and has its checksum; end with 1 if one does not.

    `weasel assets` passes over a missing local file and never verifies a checksum.
    """
    from wasabi import msg
    from weasel.util import get_checksum, load_project_config

    from ..errors import Errors

    faults: list[str] = []
    listed = load_project_config(project_dir).get("assets", [])
    for asset in listed:
        path, expected = project_dir / asset["dest"], asset.get("checksum")
        if not path.exists():
            faults.append(Errors.TL401.format(path=path))
            continue
        found = get_checksum(path)
        if expected and found != expected:
            faults.append(Errors.TL402.format(path=path, found=found, expected=expected))
    for fault in faults:
        msg.fail(fault)
    if faults:
        raise typer.Exit(1)
    msg.good(f"{len(listed)} asset(s) as listed in project.yml")
