"""What a family of checkpoints has to say about itself; knows nothing about any one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sa2va_cli.checkpoints.json_files import Config
from sa2va_cli.checkpoints.key_rules import Rule

if TYPE_CHECKING:
    from sa2va_cli.model.chat import ChatSizes

VISION = "vision"
PROJECTOR = "projector"
LANGUAGE_MODEL = "language model"
"""The parts of a chat model, as people read them. Native names of the first two begin with
``chat.vision_model.`` and ``chat.projector.``; whatever else begins with ``chat.`` is the language model."""


@dataclass(frozen=True)
class Family:
    """A kind of checkpoint: a row of the table ``FAMILIES``.

    Attributes:
        name: what a native config, the catalogue and ``ChatSizes.family`` call it.
        title: what people call it.
        text_config: the key of a published config under which the language model is described.
        text_type: what the ``model_type`` of the language model begins with.
        make_sizes: makes the chat model's sizes of the ``chat`` object of a native config.
        read: reads those sizes from a published config.
        write: writes a published config from which ``read`` reads the same sizes.
        rules: the key table, given the sizes.
        prefixes: what the published names of the tensors of each part begin with; of several prefixes that
            fit a name, the longest decides.
        embedding: the published name of the embedding of the language model, which is never quantised.
        output_layer: that of its output layer; absent when the output layer is the embedding.
        released: what decides the sizes of each released model, in the words of a published config, by alias.
        architecture: the class that the published config of a chat model without a mask decoder names, by
            which it is known whatever its ``model_type``; empty for a Sa2VA.
        knows_regions: whether questions can speak of regions of a picture.
    """

    name: str
    title: str
    text_config: str
    text_type: str
    make_sizes: Callable[[Config], "ChatSizes"]
    read: Callable[[Config], "ChatSizes"]
    write: Callable[[Any], Config]
    rules: Callable[[Any], tuple[Rule, ...]]
    prefixes: Mapping[str, tuple[str, ...]]
    embedding: str
    output_layer: str
    released: Mapping[str, Config] = field(repr=False)
    architecture: str = ""
    knows_regions: bool = False

    @property
    def has_masks(self) -> bool:
        """Whether there is a SAM 2 behind the chat model."""
        return not self.architecture

    def matches(self, config: Config) -> bool:
        """Whether a published config is of this family; for a Sa2VA its ``model_type`` was looked at."""
        if self.architecture:
            return self.architecture in (config.get("architectures") or ())
        text = config.get(self.text_config)
        kind = text.get("model_type", "") if isinstance(text, dict) else ""
        return str(kind).startswith(self.text_type)
