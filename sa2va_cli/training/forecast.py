"""How much memory a step of training takes, before one is made.

Weights, gradients and AdamW's two means are counted exactly; what a pass keeps for the way back is an
estimate from the sizes of the network and the longest conversation. Knows nothing about devices.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.recipe import Recipe
from sa2va_cli.training.trained_parts import trained_tensors

ADAM_BYTES = {False: 8, True: 2}
"""Of AdamW's two means of one parameter; in 8 bits, bitsandbytes keeps one byte of each."""

_DECODER_MAPS = 40
"""How many maps of the size of a mask, of the width of the decoder's finest features, decoding one mask keeps:
upscaled features, their activations and norms. Measured on Hiera-L's decoder."""


@dataclass(frozen=True)
class Length:
    """The size of an example.

    Attributes:
        rows: conversations.
        tokens: of the longest conversation.
        learned: tokens of all answers.
        masks: objects.
        frames: pictures.
    """

    rows: int
    tokens: int
    learned: int
    masks: int
    frames: int


@dataclass(frozen=True)
class Memory:
    """Bytes that a step takes.

    Attributes:
        weights: all parameters.
        gradients: of what is trained.
        optimiser: AdamW's means.
        activations: an estimate of what is kept for the way back.
    """

    weights: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.activations


def forecast(network: Sa2VANetwork, recipe: Recipe, length: Length, work_bytes: int) -> Memory:
    """Estimates the memory of a step.

    Args:
        network: prepared for training.
        recipe: of the training.
        length: of the longest example.
        work_bytes: of one number in the language model's work: 2 or 4.
    """
    trained = sum(p.numel() for p in trained_tensors(network).values())
    return Memory(
        weights=_bytes(network),
        gradients=4 * trained,
        optimiser=ADAM_BYTES[recipe.optimiser.eight_bit] * trained,
        activations=_language(network, recipe, length, work_bytes) + _masks(network, recipe, length),
    )


def _bytes(module: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


def _language(network: Sa2VANetwork, recipe: Recipe, length: Length, work_bytes: int) -> int:
    """The residual stream of every layer, the inner work of one or of all layers, and the output layer's."""
    config: Any = network.chat.language_model.config
    config = getattr(config, "text_config", config)
    places = length.rows * length.tokens
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    stream = 4 * places * width
    work = places * (14 * width + 5 * inner) * work_bytes
    kept = layers * stream + work if recipe.gradient_checkpointing else layers * (2 * stream + work)
    # Logits, their copy in float32 where they are not, the gradient of that, and log-probabilities.
    return kept + length.learned * config.vocab_size * (work_bytes + 8)


def _masks(network: Sa2VANetwork, recipe: Recipe, length: Length) -> int:
    """What decoding keeps: of one frame where it is computed twice, else of all; and the encoder's maps."""
    sam2 = network.sam2
    cells = (sam2.input_size // 4) ** 2
    maps = cells * (sam2.width // 8 + sam2.width // 4 // 4 + sam2.width // 16) * 4
    of_mask = cells * (sam2.width // 8) * 4 * _DECODER_MAPS // 8
    decodings = length.masks * (1 if recipe.gradient_checkpointing else length.frames)
    return length.frames * maps + decodings * of_mask
