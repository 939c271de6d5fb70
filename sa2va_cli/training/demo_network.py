"""The network that ships with the package, before it has learned anything: sizes, tokenizer, first weights.

Knows nothing about how it is trained.
"""

from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast

from sa2va_cli.demo.world import corpus
from sa2va_cli.model.chat import NOTHING
from sa2va_cli.model.internvl import InternVLSizes
from sa2va_cli.model.network import Sa2VANetwork

# The special tokens of InternVL2.5 and then Sa2VA's, in their order (reference set, section 2.2).
SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>",
    "<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>",
    "[SEG]", "<p>", "</p>", "<vp>", "</vp>",
)  # fmt: skip

SAM2_SIZES: dict[str, Any] = {
    "image_size": 256,
    "backbone_stride": 16,
    "trunk": {
        "embed_dim": 32,
        "num_heads": 1,
        "stages": [1, 2, 4, 1],
        "global_att_blocks": [5],
        "window_pos_embed_bkg_spatial_size": [7, 7],
        "window_spec": [8, 4, 16, 8],
    },
    "d_model": 128,
    "mem_dim": 64,
    "num_maskmem": 4,
    "memory_attention": {"num_layers": 2, "dim_feedforward": 256},
    "memory_encoder": {"fuser_num_layers": 2},
    "mask_decoder": {"mlp_dim": 256, "iou_head_hidden_dim": 64},
}


def demo_sizes(vocabulary: int) -> InternVLSizes:
    """Sizes of the bundled chat model, for a tokenizer of ``vocabulary`` tokens."""
    return InternVLSizes(
        vision={
            "hidden_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 384,
            "attention_bias": True,
            "patch_size": 16,
            "layer_scale_init_value": 1.0,
        },
        text={
            "hidden_size": 192,
            "intermediate_size": 512,
            "num_hidden_layers": 6,
            "num_attention_heads": 6,
            "num_key_value_heads": 6,
            "vocab_size": vocabulary,
            # Some twice of what it learns from; far beyond that, answers are made of odd letters.
            "max_position_embeddings": 1024,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
            "tie_word_embeddings": False,
        },
        tile_size=256,
        max_tiles=1,
    )


def train_tokenizer(seed: int = 0, texts: int = 20_000, vocabulary: int = 1_024) -> PreTrainedTokenizerFast:
    """Trains a byte-level BPE tokenizer, as Qwen's is, on sentences about the demo world."""
    rng = np.random.default_rng(seed)
    sentences = [
        part
        for text in corpus(rng, texts)
        for part in ("user\n", "assistant\n", f"Please segment {text}.", f"Sure, {text}: [SEG].", text)
    ]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*sentences, NOTHING, "What is in the picture?"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS),
    )


def initialise(network: Sa2VANetwork) -> None:
    """Gives every matrix a scale that fits its width.

    transformers starts everything at a deviation of 0.02, which suits widths in the thousands; here it is
    one over the square root of the inputs, and less for what is added to a residual stream. What enters the
    language model, words and visual tokens alike, has half of a normalised state's scale: with the small
    embeddings of large models the branches drown the words, and "the dog" is not looked up for thousands of
    steps instead of for two hundred.
    """
    residual = ("o_proj", "proj_out", "down_proj", "fc2", "linear2", "projection_layer", "attn.proj")
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            scale = 0.35 if name.endswith(residual) else 1.0
            nn.init.trunc_normal_(module.weight, std=scale * module.in_features**-0.5)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
    chat = network.chat
    nn.init.normal_(chat.language_model.get_input_embeddings().weight, std=0.5)
    nn.init.normal_(chat.language_model.lm_head.weight, std=0.05)
    nn.init.normal_(chat.projector.get_parameter("3.weight"), std=0.5 * chat.width**-0.5)
    nn.init.normal_(chat.vision_model.embeddings.position_embeddings, std=0.5)
    quieten_prompts(network)
    for block in network.sam2.layers.memory_encoder.memory_fuser.layers:
        nn.init.constant_(block.scale, 0.1)


def quieten_prompts(network: Sa2VANetwork) -> None:
    """Begins with clicks that say where they are, and with earlier masks that say nothing.

    Clicks are placed by the same code as the picture's cells. Earlier masks, as loud as they are made, would
    drown the picture for hundreds of steps.
    """
    prompts, positions = network.sam2.layers.prompt_encoder, network.sam2.layers.shared_image_embedding
    with torch.no_grad():
        prompts.shared_embedding.positional_embedding.copy_(positions.positional_embedding)
        prompts.mask_embed.conv3.weight.mul_(0.05)
        prompts.mask_embed.conv3.bias.copy_(prompts.no_mask_embed.weight[0])
