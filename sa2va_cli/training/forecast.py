"""How much memory a step of training takes, before one is made.

Weights, gradients and AdamW's two means are counted exactly; what a pass keeps for the way back is an
estimate from the sizes of the network and the longest conversation. Knows nothing about devices.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.recipe import Recipe
from sa2va_cli.training.sharding import gathered_bytes, own_part
from sa2va_cli.training.trained_parts import trained_tensors

ADAM_BYTES = {False: 8, True: 2}
"""Of AdamW's two means of one number; in 8 bits, bitsandbytes keeps one byte of each."""

_BLOCK = 14
"""How many maps of its width a block of an image encoder has at a time: the residual stream and its norm;
queries, keys, values and what they give; a hidden layer of four widths before and after its activation."""

_MASK_MAPS = 10
"""How many maps at the size of a mask, of an eighth of SAM 2's width, decoding one mask keeps for the way
back: upscaled features, their sums, norms and activations."""


@dataclass(frozen=True)
class Length:
    """The size of an example.

    Attributes:
        rows: conversations.
        tokens: of the longest conversation.
        learned: tokens of all answers.
        masks: objects.
        frames: pictures.
        visual: tokens of the pictures in one conversation.
    """

    rows: int
    tokens: int
    learned: int
    masks: int
    frames: int
    visual: int


@dataclass(frozen=True)
class Memory:
    """Bytes that a step takes in one process.

    Attributes:
        weights: all parameters that the process has, and what it puts together of the others' parts.
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
    trained = sum(own_part(p).numel() for p in trained_tensors(network).values())
    return Memory(
        weights=_bytes(network) + gathered_bytes(network),
        gradients=4 * trained,
        optimiser=ADAM_BYTES[recipe.optimiser.eight_bit] * trained,
        activations=_language(network, recipe, length, work_bytes)
        + max(_looking(network, length), _masks(network, recipe, length)),
    )


def _bytes(module: nn.Module) -> int:
    tensors = (own_part(tensor) for tensor in (*module.parameters(), *module.buffers()))
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


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


def _looking(network: Sa2VANetwork, length: Length) -> int:
    """One block of the vision encoder at work, on four patches for each visual token."""
    sizes = network.chat.sizes.vision
    width = int(sizes["hidden_size"])
    parameter = next(network.chat.vision_model.parameters())
    return 4 * length.visual * width * _BLOCK * parameter.element_size()


def _masks(network: Sa2VANetwork, recipe: Recipe, length: Length) -> int:
    """SAM 2's first stage at work on one picture, and what decoding keeps.

    That is of one frame where it is computed twice, else of all.
    """
    sam2 = network.sam2
    cells = (sam2.input_size // 4) ** 2
    stage = cells * sam2.layers.config.vision_config.backbone_config.hidden_size * _BLOCK * 4
    kept = length.frames * cells * (sam2.width // 8 + sam2.width // 16 + sam2.width // 16) * 4
    decodings = length.masks * (1 if recipe.gradient_checkpointing else length.frames)
    return stage + kept + decodings * cells * (sam2.width // 8) * _MASK_MAPS * 4
