"""``sa2va models``: what there is, fetching it, looking into it, rewriting it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, add_command, only
from sa2va_cli.commands.session import Session
from sa2va_cli.commands.startup import collector_paused
from sa2va_cli.errors import ModelError, UsageError, parameter
from sa2va_cli.parameters import Option, check_fields
from sa2va_cli.runtime.device import DTYPES

if TYPE_CHECKING:
    import torch

    from sa2va_cli.checkpoints.cache import CachedModel
    from sa2va_cli.checkpoints.conversion import LayoutName, Rewritten

LAYOUTS = ("native", "published")
KEEP = "keep"

app = typer.Typer(
    help="Get, look into, convert and remove models.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog="Try: sa2va models list",
)

Command = Callable[..., None]


def _command(name: str, *lines: str) -> Callable[[Command], Command]:
    """Registers a command, with its docstring as its help and these lines as examples."""

    def register(command: Command) -> Command:
        add_command(app, f"models {name}", command, examples(*lines))
        return command

    return register


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Alias (see sa2va models list), hub id or folder.", show_default=False
    ),
]
Speaking = Annotated[Talking, only("as_json", "quiet", "debug")]
Answering = Annotated[Talking, only("as_json", "debug")]
Doing = Annotated[Talking, only("quiet", "debug")]


@_command("list", "sa2va models list", "sa2va models list --json | jq '.models[].alias'")
def list_command(*, session: Session, talking: Answering) -> None:
    """Show the models that have a short name: size, licence, memory needed, and which are here.

    Sizes with ~ are computed from the model's dimensions. Memory is that of the weights alone.
    """
    console = session.console
    from sa2va_cli.commands.inventory import inventory, inventory_document, inventory_rows

    lines = inventory()
    if talking.as_json:
        console.data(inventory_document(lines))
    else:
        console.table(*inventory_rows(lines))


@_command(
    "pull",
    "sa2va models pull 1b",
    "sa2va models pull ByteDance/Sa2VA-4B --revision main",
    "HF_ENDPOINT=https://mirror.example.com sa2va models pull 4b",
)
def pull_command(
    *,
    session: Session,
    name: Name,
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="REV", help="A branch, tag or commit of the model's page."),
    ] = None,
    _: Doing,
) -> None:
    """Download a model into the Hugging Face cache, or bring it up to date.

    A connection that is cut is taken up again where it was; run again after a stop, and the files that
    are complete are not fetched again. HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE and proxies work as
    everywhere.
    """
    console = session.console
    from sa2va_cli.checkpoints.hub import pull

    pulled = pull(name, revision)
    if pulled.concern:
        console.note(f"the hub was not asked for a newer version ({pulled.concern}); this one is here")
    console.answer(str(pulled.folder))


@_command("path", "sa2va models path 1b", 'du -shL "$(sa2va models path 1b)"')
def path_command(*, session: Session, name: Name, _: Annotated[Talking, only("debug")]) -> None:
    """Print the folder of a model that is here; downloads nothing."""
    session.console.answer(str(_folder(name)))


def _folder(name: str) -> Path:
    """The folder of a model that is here.

    Raises:
        ModelError: there is no such model, or it is not here.
    """
    from sa2va_cli.checkpoints.hub import find_local

    folder = find_local(name)
    if folder is None:
        raise ModelError(
            f"{name} is not on this machine, or only in part; get it with: sa2va models pull {name}"
        )
    return folder


@_command("info", "sa2va models info demo", "sa2va models info ./my-checkpoint --json")
def info_command(*, session: Session, name: Name, talking: Answering) -> None:
    """Show what a checkpoint is made of: family, parts, dimensions, precisions, files.

    Read from the config and the headers of the weights; nothing is loaded.
    """
    console = session.console
    with collector_paused():
        from sa2va_cli.checkpoints.inspection import describe
    from sa2va_cli.commands.inventory import description_document, description_lines, part_rows

    description = describe(_folder(name))
    if talking.as_json:
        console.data(description_document(description))
        return
    for line in description_lines(description):
        console.answer(line)
    console.table(*part_rows(description))


@_command("verify", "sa2va models verify 1b", "sa2va models verify ./my-checkpoint --json")
def verify_command(*, session: Session, name: Name, talking: Speaking) -> None:
    """Check that a checkpoint is whole.

    Every tensor must have its place in the network and the right shape, and every file the checksum that
    the hub gave it, where one is known.
    """
    console = session.console
    with collector_paused():
        from sa2va_cli.checkpoints.inspection import check_files, check_tensors

    folder = _folder(name)
    tensors = check_tensors(folder)
    console.note(f"every one of {tensors:,} tensors has its place and its shape")
    checks = check_files(folder, lambda file: console.note(f"reading {file}"))
    files = {state: [check.name for check in checks if check.state == state] for state in ("right", "wrong")}
    if files["wrong"]:
        raise ModelError(
            f"{', '.join(files['wrong'])} of {folder}: not what the hub has; remove the model with "
            "sa2va models prune NAME and pull it again"
        )
    unknown = len(checks) - len(files["right"])
    if talking.as_json:
        states = {check.name: check.state for check in checks}
        console.data({"folder": str(folder), "tensors": tensors, "checksums": states})
    else:
        rest = f"; for {unknown} no checksum is known" if unknown else ""
        console.note(f"{len(files['right'])} of {len(checks)} files have the checksum of the hub{rest}")
        console.answer(f"{folder} is whole")


@_command("prune", "sa2va models prune", "sa2va models prune 4b 8b --yes")
def prune_command(
    *,
    session: Session,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Aliases or hub ids; without any, all.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")] = False,
    _: Doing,
) -> None:
    """Remove Sa2VA models from the Hugging Face cache, after showing them and asking.

    Other models in the cache are left alone, and so are folders outside it. Chat models of sa2va models list
    are removed when they are named.
    """
    console = session.console
    from sa2va_cli.checkpoints.cache import cached_models, remove
    from sa2va_cli.runtime.memory_forecast import gigabytes

    chosen = _chosen(cached_models(), names or [])
    if not chosen:
        console.note("the cache has no Sa2VA models; nothing to remove")
        return
    for model in chosen:
        state = "" if model.complete else ", not complete"
        console.line(f"{model.repository}: {gigabytes(model.size)}{state}, {model.folder}")
    total = gigabytes(sum(model.size for model in chosen))
    if not yes and not console.ask(f"Remove {_count(chosen)}, {total}?"):
        console.note("nothing was removed")
        return
    for model in chosen:
        remove(model)
    console.note(f"removed {_count(chosen)}, {total}")


def _count(models: "list[CachedModel]") -> str:
    return f"{len(models)} model{'' if len(models) == 1 else 's'}"


def _chosen(models: "list[CachedModel]", names: list[str]) -> "list[CachedModel]":
    from sa2va_cli.checkpoints.catalog import find

    if not names:  # others may use chat models and followers as well
        return [model for model in models if (entry := find(model.repository)) is None or entry.has_masks]
    wanted = []
    for name in names:
        entry = find(name)
        repository = (entry.repository if entry else name).lower()
        found = [model for model in models if model.repository.lower() == repository]
        if not found:
            known = ", ".join(model.repository for model in models) or "no Sa2VA model at all"
            raise ModelError(f"{name} is not in the cache, which has {known}")
        wanted += [model for model in found if model not in wanted]
    return wanted


Source = Annotated[
    str, typer.Argument(metavar="SRC", help="Alias, hub id or folder of a model.", show_default=False)
]
Target = Annotated[
    Path, typer.Argument(metavar="DST", help="A folder that does not exist yet.", show_default=False)
]


@dataclass(frozen=True)
class Rewriting:
    """How a checkpoint is written again.

    Attributes:
        to: the layout.
        dtype: the precision; None for that of the layout.
        base: the published model that a state dict was fine-tuned from.
    """

    to: Annotated[
        str,
        Option("native: ours. published: that of the hub.", metavar="LAYOUT", choices=LAYOUTS),
    ] = "native"
    dtype: Annotated[
        str | None,
        Option(
            "bf16, fp16, fp32, or keep: as in the file.",
            metavar="NAME",
            choices=(*DTYPES, KEEP),
            shown="bf16 to native, keep to published",
        ),
    ] = None
    base: Annotated[
        str | None,
        Option(
            "For a .pth: the published model that it was fine-tuned from, for config, tokenizer and the "
            "parts that were not trained.",
            metavar="NAME",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def kind(self) -> "LayoutName":
        """The layout, as the conversion calls it."""
        return "native" if self.to == "native" else "published"

    @property
    def torch_dtype(self) -> "torch.dtype | None":
        """The precision as torch's object; None for what each tensor has."""
        name = self.dtype or ("bf16" if self.to == "native" else KEEP)
        if name == KEEP:
            return None
        import torch

        found: torch.dtype = getattr(torch, DTYPES[name])
        return found


@_command(
    "convert",
    "sa2va models convert 4b sa2va-4b-bf16",
    "sa2va models convert sa2va-4b-bf16 for-upload --to published",
    "sa2va models convert iter_5000.pth my-model --base 4b",
)
def convert_command(
    *,
    session: Session,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="Alias, hub id or folder of a model, or a .pth state dict.",
            show_default=False,
        ),
    ],
    target: Target,
    rewriting: Rewriting,
    talking: Speaking,
) -> None:
    """Write a checkpoint in our layout (one bf16 file, no programs) or back in the published one.

    Several published files are float32, so bf16 halves them. With --dtype keep the way there and back is
    exact to the bit. Python files are never copied. Of a .pth (xtuner or mmengine) only tensors are read.
    """
    console = session.console
    state = Path(source) if source.endswith((".pth", ".pt", ".bin")) else None
    if state is not None and rewriting.base is None:
        raise UsageError(
            f"{source} is a state dict; name the model that it was fine-tuned from with {parameter('base')}"
        )
    if state is None and rewriting.base is not None:
        raise UsageError(f"{parameter('base')} goes with a .pth state dict")
    if state is not None and not state.is_file():
        raise ModelError(f"there is no file {source}")
    with collector_paused():
        from sa2va_cli.checkpoints.conversion import check_convertible, convert, refuse_existing
        from sa2va_cli.checkpoints.inspection import check_tensors

    folder = _folder(rewriting.base or source)
    refuse_existing(target)
    check_convertible(folder, rewriting.kind)
    check_tensors(folder)  # what is not whole makes nothing that is
    console.note(f"writing {target}")
    rewritten = convert(folder, target, rewriting.kind, rewriting.torch_dtype, state)
    _tell(console, rewritten, as_json=talking.as_json)


def _tell(console: Console, rewritten: "Rewritten", *, as_json: bool) -> None:
    from sa2va_cli.runtime.memory_forecast import gigabytes

    if as_json:
        console.data(
            {
                "folder": str(rewritten.folder),
                "tensors": rewritten.tensors,
                "bytes_before": rewritten.before,
                "bytes": rewritten.size,
            }
        )
        return
    console.note(
        f"{rewritten.tensors:,} tensors, {gigabytes(rewritten.before)} before, "
        f"{gigabytes(rewritten.size)} now"
    )
    console.answer(str(rewritten.folder))


@_command(
    "merge",
    "sa2va models merge my-model/adapter my-model-4b",
    "sa2va models merge my-model/adapter for-upload --to published --dtype bf16",
)
def merge_command(
    *,
    session: Session,
    adapter: Annotated[
        Path,
        typer.Argument(metavar="ADAPTER", help="The folder adapter of a training.", show_default=False),
    ],
    target: Target,
    to: Annotated[
        str, typer.Option("--to", metavar="LAYOUT", help="Layout of the new model: native or published.")
    ] = "native",
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            metavar="NAME",
            help="bf16, fp16, fp32, or keep: fp32 of what was trained, else as it is.",
        ),
    ] = KEEP,
    talking: Speaking,
) -> None:
    """Write the model that an adapter makes of its base.

    An adapter can be used as it is: every command takes its folder for a model. Merged, it needs no base.
    """
    console = session.console
    rewriting = Rewriting(to, dtype)
    with collector_paused():
        from sa2va_cli.checkpoints.adapters import merge

    console.note(f"writing {target}")
    _tell(console, merge(adapter, target, rewriting.kind, rewriting.torch_dtype), as_json=talking.as_json)


@_command(
    "upgrade",
    "sa2va models upgrade 4b sa2va-4b-improved",
    "sa2va models upgrade ./my-model ./my-model-i --sam2 ./sam2-hiera-large",
)
def upgrade_command(
    *,
    session: Session,
    source: Source,
    target: Target,
    sam2: Annotated[
        str,
        typer.Option("--sam2", metavar="NAME", help="The original SAM 2: a hub id or a folder."),
    ] = "facebook/sam2-hiera-large",
    talking: Speaking,
) -> None:
    """Add SAM 2's original decoder to a plain Sa2VA, so that it follows objects as Sa2VA-i does.

    The decoder that Sa2VA trained still finds the object; the original one follows it through the video.
    Nothing is trained, and everything else stays as it is.
    """
    console = session.console
    with collector_paused():
        from sa2va_cli.checkpoints.conversion import refuse_adapter, refuse_existing, upgrade
        from sa2va_cli.checkpoints.inspection import check_tensors

    folder = _folder(source)
    refuse_existing(target)
    refuse_adapter(folder)
    check_tensors(folder)
    console.note(f"writing {target}")
    _tell(console, upgrade(folder, target, sam2), as_json=talking.as_json)
