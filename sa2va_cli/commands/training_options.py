"""Options of ``sa2va train`` that change its recipe, and the recipe that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.parameters import Option, check_fields

if TYPE_CHECKING:
    from sa2va_cli.training.recipe import Recipe


@dataclass(frozen=True)
class Changes:
    """What differs from the recipe.

    Attributes:
        recipe: a name, or a TOML file; None for the one that suits the model.
        lora: of the adapters: ``r=64,alpha=128,dropout=0.1``.
        full: train all parts whole.
        lr: the peak of the learning rate.
        epochs: how often all data are seen.
        steps: how many steps are made.
        batch: samples at a time.
        accumulate: batches of a step.
        seed: of everything that is drawn.
        save_every: steps between checkpoints.
        validate_every: steps between validations.
    """

    recipe: Annotated[
        str | None,
        Option(
            "official, small (for demo), or a TOML file that says what differs from one.",
            metavar="NAME|FILE",
            shown="official; small for demo",
        ),
    ] = None
    lora: Annotated[
        str | None,
        Option("The adapters of the language model: r=64, or r=64,alpha=128,dropout=0.1.", metavar="R"),
    ] = None
    full: Annotated[bool, Option("Train all parts whole, without adapters.")] = False
    lr: Annotated[float | None, Option("Peak of the learning rate.", metavar="RATE")] = None
    epochs: Annotated[
        float | None, Option("How often all data are seen; data with weights by them.", metavar="N")
    ] = None
    steps: Annotated[
        int | None, Option("Steps of the optimiser, instead of epochs.", metavar="N", least=1)
    ] = None
    batch: Annotated[int | None, Option("Samples at a time.", metavar="N", least=1)] = None
    accumulate: Annotated[
        int | None, Option("How many times --batch samples make one step.", metavar="N", least=1)
    ] = None
    seed: Annotated[int | None, Option("Decides samples, points, adapters.", metavar="N", least=0)] = None
    save_every: Annotated[int | None, Option("Steps between checkpoints.", metavar="N", least=1)] = None
    validate_every: Annotated[
        int | None, Option("Steps between validations; the last step has one anyway.", metavar="N", least=1)
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.full and self.lora is not None:
            raise UsageError(f"{parameter('full')} trains without adapters; leave {parameter('lora')} out")
        if self.steps is not None and self.epochs is not None:
            raise UsageError(f"{parameter('steps')} and {parameter('epochs')} say the same; give one")


def recipe_of(changes: Changes, freeze: Sequence[str], name: str) -> "Recipe":
    """The recipe that suits a model, with what differs.

    Args:
        changes: what differs.
        freeze: parts that stay as they are.
        name: of the model.

    Raises:
        InputError: a recipe's file is missing or no TOML.
        UsageError: something is set to what it cannot be.
    """
    from sa2va_cli.training.recipe import FROZEN, FULL, LANGUAGE_MODEL, LORA, PARTS, changed, read_recipe

    recipe = read_recipe(changes.recipe or ("small" if name == "demo" else "official"))
    parts = dict(recipe.parts)
    if changes.full:
        parts = dict.fromkeys(PARTS, FULL)
    lora = recipe.lora
    if changes.lora is not None:
        if LANGUAGE_MODEL in freeze:
            raise UsageError(
                f"{parameter('lora', changes.lora)} trains the language model, and "
                f"{parameter('freeze', LANGUAGE_MODEL)} leaves it as it is; give one of them"
            )
        parts[LANGUAGE_MODEL] = LORA
        lora = changed(lora, _lora(changes.lora), "lora.")
    for part in freeze:
        if part not in PARTS:
            raise UsageError(f"{parameter('freeze', part)}: give one of {', '.join(PARTS)}")
        parts[part] = FROZEN
    simple: dict[str, Any] = {
        name: value
        for name in ("epochs", "batch", "accumulate", "seed", "save_every", "validate_every")
        if (value := getattr(changes, name)) is not None
    }
    if changes.steps is not None or changes.epochs is not None:
        simple["steps"] = changes.steps
    optimiser = recipe.optimiser if changes.lr is None else replace(recipe.optimiser, rate=changes.lr)
    return replace(recipe, parts=parts, lora=lora, optimiser=optimiser, **simple)


def _lora(text: str) -> Mapping[str, Any]:
    """``r=64,alpha=128`` as values; alpha is twice the rank where only that is given."""
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value) if name.strip() == "dropout" else int(value)
        except ValueError as error:
            raise UsageError(
                f"{parameter('lora', text)}: write r=64, or r=64,alpha=128,dropout=0.1"
            ) from error
    if "r" in found:
        found.setdefault("alpha", 2 * found["r"])
    return found
