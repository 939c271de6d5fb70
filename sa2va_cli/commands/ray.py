"""``sa2va ray script``: what starts a Ray cluster for a batch, to be looked through and changed."""

import re
from pathlib import Path
from typing import Annotated

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, add_command, only
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import one_of

KINDS = ("slurm", "kuberay", "cluster")
_TEMPLATES = Path(__file__).parent / "ray_templates"
_PLACE = re.compile("@([a-z_]+)@")
"""Where values go in a template, so that the dollars of shells stay."""
_BREAKING = "\"'\\$`\n"
"""What means something in a shell, or ends a text in YAML."""
_FILES = {"slurm": "slurm.sh", "kuberay": "kuberay.yaml", "cluster": "cluster.yaml"}

SCRIPT_EPILOG = examples(
    "sa2va ray script --kind slurm --nodes 8 --gpus 4 --storage /shared > batch.sh && sbatch batch.sh",
    "sa2va ray script --kind kuberay --nodes 16 --storage-claim footage | kubectl apply -f -",
    "sa2va ray script --kind cluster > cluster.yaml && ray up cluster.yaml",
)

app = typer.Typer(
    help="Ray clusters for batches; sa2va batch --ray does jobs on one.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    """Keeps ``script`` a name of its own, as long as it is the only one."""


def script_command(
    *,
    session: Session,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="slurm (a job for sbatch), kuberay (for kubectl), or cluster (for ray up, on AWS).",
        ),
    ] = "slurm",
    nodes: Annotated[int, typer.Option("--nodes", metavar="N", help="Computers with workers.", min=1)] = 2,
    gpus: Annotated[int, typer.Option("--gpus", metavar="N", help="GPUs of each.", min=0)] = 1,
    cpus: Annotated[int, typer.Option("--cpus", metavar="N", help="Cores of each.", min=1)] = 8,
    storage: Annotated[
        str,
        typer.Option("--storage", metavar="FOLDER", help="Where all of them see inputs and outputs."),
    ] = "/shared",
    storage_claim: Annotated[
        str,
        typer.Option(
            "--storage-claim", metavar="NAME", help="Of Kubernetes, for storage that many read and write."
        ),
    ] = "shared",
    image: Annotated[
        str,
        typer.Option("--image", metavar="NAME", help="Of a container that has sa2va[ray]."),
    ] = "registry.example/sa2va:latest",
    _: Annotated[Talking, only("debug")],
) -> None:
    """Print what starts a Ray cluster and a batch on it."""
    if kind not in KINDS:
        raise UsageError(f"unknown --kind {kind!r}; choose {one_of(KINDS)}")
    if not storage.startswith("/"):
        raise UsageError(f"--storage {storage!r}: give the full path of a folder")
    for name, given in (("--storage", storage), ("--storage-claim", storage_claim), ("--image", image)):
        if any(sign in _BREAKING for sign in given):
            raise UsageError(f"{name} {given!r}: give it without quotes, $, ` and backslashes")
    text = (_TEMPLATES / _FILES[kind]).read_text("utf-8")
    values = {
        "nodes": nodes,
        "gpus": gpus,
        "cpus": cpus,
        "storage": storage,
        "claim": storage_claim,
        "image": image,
        "slurm_gpus": f"#SBATCH --gpus-per-node={gpus}" if gpus else "# no GPUs",
    }
    session.console.answer(_PLACE.sub(lambda found: str(values[found[1]]), text).rstrip("\n"))


add_command(app, "ray script", script_command, SCRIPT_EPILOG)
