"""Trains the bundled network on the demo world, from nothing or from a checkpoint, in three stages.

    python -m sa2va_cli.training.demo all --out runs/demo
    python -m sa2va_cli.training.demo all --out runs/demo --start sa2va_cli/demo/weights --steps 2000

runs all of them and writes the checkpoint ``runs/demo/weights``. It can be stopped and started again at any
time. Single stages are

    python -m sa2va_cli.training.demo eyes  --out runs/eyes  --steps 3000
    python -m sa2va_cli.training.demo words --out runs/words --steps 3000
    python -m sa2va_cli.training.demo whole --out runs/whole --steps 800 --eyes runs/eyes --words runs/words

``eyes`` is SAM 2, told by a code of names and places whom to segment and track, or shown it by a point or a
box, and corrected by clicks; ``words`` is the chat model, learning to answer and to say that code; neither
needs the other, so they can run side by side. ``whole`` is Sa2VA's own training of both, or with ``--only
eyes`` of SAM 2 alone, told by the chat model as it is. ``prompts`` teaches points, boxes and corrections to a
checkpoint that does not know them, and leaves all that language uses as it is. And

    python -m sa2va_cli.training.demo whole --out runs/whole --export sa2va_cli/demo/weights

puts what it has learned into the package; with ``--eyes`` and ``--words``, what those two have learned.
``docs/demo-model.md`` says what the weights that are shipped can do, ``docs/history/demo-model.md`` how they
came about.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from sa2va_cli.checkpoints.files import WEIGHTS_FILE
from sa2va_cli.checkpoints.native import save_network
from sa2va_cli.demo.world import corpus
from sa2va_cli.model.chat import NOTHING
from sa2va_cli.model.internvl import InternVLSizes
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.loop import STATE_FILE, BatchSource, Interleaved, Schedule, restore, train
from sa2va_cli.training.meaning import MeaningCode
from sa2va_cli.training.objective import LossWeights, Objective, Readouts
from sa2va_cli.training.park import CLASSES, DEEDS, NAMES, PLACES, Mixture, ParkDataset, ParkTargets

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


QUESTIONS = Mixture(told=9, plain=3, outside=2, asked=6)
"""What ``words`` asks about each picture or clip."""


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


def run_tokenizer(folder: Path, seed: int, start: Path | None = None) -> PreTrainedTokenizerFast:
    """Loads the tokenizer of a run; a new run takes that of ``start``, or trains one, and keeps it."""
    kept = folder / "tokenizer"
    if kept.exists():
        return PreTrainedTokenizerFast.from_pretrained(kept)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(start) if start else train_tokenizer(seed)
    tokenizer.save_pretrained(kept)
    return tokenizer


def build_objective(tokenizer: PreTrainedTokenizerFast, seed: int) -> Objective:
    """Makes the untrained network with its auxiliary readouts."""
    torch.manual_seed(seed)
    sizes = demo_sizes(len(tokenizer))
    network = Sa2VANetwork(sizes, SAM2_SIZES, tokenizer)
    initialise(network)
    network.chat.language_model.set_attn_implementation("eager")  # so short, it is faster than a fused kernel
    readouts = Readouts(
        sizes.vision["hidden_size"],
        sizes.text["hidden_size"],
        SAM2_SIZES["d_model"],
        CLASSES,
        NAMES,
        1 + len(DEEDS),
    )
    return Objective(network, readouts, MeaningCode(network.sam2, NAMES, PLACES), LossWeights())


EYES = ("network.sam2.", "readouts.grounding.", "readouts.tracked.")
"""What the stage ``eyes`` trains, by the beginnings of its parameters' names; ``words`` trains the rest."""


PROMPTS = (
    "network.sam2.layers.prompt_encoder.point_embed.",
    "network.sam2.layers.prompt_encoder.mask_embed.",
    "network.sam2.layers.mask_decoder.output_hypernetworks_mlps.0.",
)
"""What the stage ``prompts`` trains: what no language query ever meets."""


def take(objective: Objective, runs: Sequence[Path], *, eyes: bool) -> None:
    """Takes from other runs what their stage has trained: the mean of it, where there are several.

    Weights of one run at the ends of two falls of its rate lie in one valley, and their mean is often better
    than either (Izmailov et al., "Averaging weights leads to wider optima", 2018).
    """
    states = [torch.load(r / STATE_FILE, map_location="cpu", weights_only=True)["objective"] for r in runs]
    taken = {name: [state[name] for state in states] for name in states[0] if name.startswith(EYES) == eyes}
    means = {name: torch.stack(each).float().mean(0).to(each[0].dtype) for name, each in taken.items()}
    objective.load_state_dict(means, strict=False)


def train_only(objective: Objective, stage: str) -> None:
    """Leaves everything as it is but what the stage ``eyes``, ``words`` or ``prompts`` trains."""
    for name, parameter in objective.named_parameters():
        trained = (
            name.startswith(PROMPTS) if stage == "prompts" else name.startswith(EYES) == (stage == "eyes")
        )
        parameter.requires_grad_(trained)


def freeze(objective: Objective, beginnings: Sequence[str]) -> None:
    """Leaves the parameters as they are whose names begin in these ways.

    Raises:
        ValueError: one of them begins no name.
    """
    for beginning in beginnings:
        chosen = [p for name, p in objective.named_parameters() if name.startswith(beginning)]
        if not chosen:
            raise ValueError(f"no parameter's name begins with {beginning!r}")
        for parameter in chosen:
            parameter.requires_grad_(False)


def take_network(objective: Objective, checkpoint: Path) -> None:
    """Takes the whole network of a checkpoint, to go on from it; readouts start anew.

    The checkpoint's language model may have fewer layers, see ``deepened``.
    """
    layers = len(objective.network.chat.language_model.model.layers)
    tensors = deepened(load_file(checkpoint / WEIGHTS_FILE), layers)
    taken = {f"network.{k}": v.float() for k, v in tensors.items()}
    positions = taken["network.sam2.layers.shared_image_embedding.positional_embedding"]
    taken["network.sam2.layers.prompt_encoder.shared_embedding.positional_embedding"] = positions
    objective.load_state_dict(taken, strict=False)


_LAYER = re.compile(r"(chat\.language_model\.model\.layers\.)(\d+)(\..+)")
_ADDS_TO_THE_STREAM = ("o_proj.weight", "down_proj.weight")


def deepened(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The same network with more layers of the language model, which says exactly the same at first.

    A new layer is the one before it, evenly spread (Gong et al., "Efficient training of BERT by progressively
    stacking", 2019), but adds nothing to the residual stream until it has learned to (Chen et al., "Net2Net",
    2016).

    Args:
        tensors: of a checkpoint, by name.
        layers: at least as many as it has.
    """
    found = {name: _LAYER.fullmatch(name) for name in tensors}
    had = 1 + max(int(match[2]) for match in found.values() if match)
    sources = [place * had // layers for place in range(layers)]
    grown: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if (match := found[name]) is None:
            grown[name] = tensor
            continue
        places = [place for place, number in enumerate(sources) if number == int(match[2])]
        for place in places:
            silent = place != places[0] and name.endswith(_ADDS_TO_THE_STREAM)
            grown[f"{match[1]}{place}{match[3]}"] = torch.zeros_like(tensor) if silent else tensor
    return grown


def take_encoders(objective: Objective, checkpoint: Path) -> None:
    """Takes the two image encoders of a checkpoint, to begin with eyes that have seen something."""
    tensors = load_file(checkpoint / WEIGHTS_FILE)
    encoders = ("chat.vision_model.", "sam2.layers.vision_encoder.")
    taken = {f"network.{k}": v.float() for k, v in tensors.items() if k.startswith(encoders)}
    objective.load_state_dict(taken, strict=False)


def source(stage: str, seed: int, clips_from: int, larger: int = 1) -> BatchSource:
    """The batches of a stage; those of ``fit`` are shown to SAM 2 and told by the chat model in turn.

    Args:
        stage: ``eyes``, ``words``, ``whole``, ``prompts`` or ``fit``.
        seed: decides every sample.
        clips_from: batch from which clips are seen.
        larger: how many times as many samples a batch has: a GPU takes many in the time of one.
    """
    if stage == "eyes":
        return ParkTargets(
            seed,
            stills=12 * larger,
            clip_frames=24 * larger,
            scenery=0.35,
            clip_share=0.45,
            clips_from=clips_from,
        )
    if stage == "fit":
        told = ParkDataset(
            seed,
            mixture=Mixture(told=2, plain=2),
            masked=4,
            stills=10 * larger,
            clip_share=0.6,
            clip_frames=20 * larger,
            clips_from=clips_from,
        )
        return Interleaved((source("eyes", seed, clips_from, larger), told))
    if stage == "prompts":
        return ParkTargets(seed, stills=10 * larger, clip_share=0.0, clicked=1.0, scenery=0.15)
    if stage == "words":
        return ParkDataset(
            seed,
            mixture=QUESTIONS,
            masked=0,
            stills=8 * larger,
            clips=5 * larger,
            clip_share=0.6,
            clip_frames=20 * larger,
            clips_from=clips_from,
            asked_share=0.4,
        )
    return ParkDataset(
        seed,
        mixture=Mixture(told=3, plain=2, outside=1),
        masked=3,
        stills=16 * larger,
        clip_share=0.4,
        clip_frames=20 * larger,
        clips_from=clips_from,
    )


@dataclass(frozen=True)
class Run:
    """One stage in a folder of its own, from its beginning or from where it was stopped.

    Attributes:
        stage: ``eyes``, ``words``, ``whole`` or ``prompts``.
        out: its folder.
        plan: how long and how fast.
        seed: decides the weights' start and every sample.
        start: checkpoint to begin with all of, and with its tokenizer; or None.
        encoders: checkpoint to begin with the image encoders of; or None.
        eyes: runs to begin with what the stage ``eyes`` has learned in them.
        words: the same for ``words``.
        only: of ``whole``: train what this stage does, and not the other.
        clips_from: step from which clips are seen.
        frozen: beginnings of names of parameters that are left as they are.
        larger: how many times as many samples a batch has.
        workers: processes that draw them.
    """

    stage: str
    out: Path
    plan: Schedule
    seed: int = 0
    start: Path | None = None
    encoders: Path | None = None
    eyes: Sequence[Path] = ()
    words: Sequence[Path] = ()
    only: str | None = None
    clips_from: int = 0
    frozen: Sequence[str] = ()
    larger: int = 1
    workers: int = 1

    def objective(self) -> Objective:
        """What is trained, as it was at the beginning."""
        kept = self.words[0] if self.words else self.out
        objective = build_objective(run_tokenizer(kept, self.seed, self.start), self.seed)
        if self.start:
            take_network(objective, self.start)
        if self.stage == "prompts":
            quieten_prompts(objective.network)
            objective.readouts = None
        if self.encoders:
            take_encoders(objective, self.encoders)
        for runs, eyes in ((self.eyes, True), (self.words, False)):
            if runs:
                take(objective, runs, eyes=eyes)
        return objective

    def train(self, device: torch.device) -> None:
        """Trains until the plan's end."""
        objective = self.objective()
        part = self.only if self.stage == "whole" else self.stage
        if part:
            train_only(objective, part)
        freeze(objective, self.frozen)
        asked = "fit" if (self.stage, self.only) == ("whole", "eyes") else self.stage
        batches = source(asked, self.seed, self.clips_from, self.larger)
        train(objective, batches, self.plan, self.out, device, workers=self.workers)

    def export(self, folder: Path) -> None:
        """Writes what was learned so far as a checkpoint."""
        objective = self.objective()
        if (self.out / STATE_FILE).exists() or not (self.eyes and self.words):
            restore(objective, self.out)
        save_network(objective.network, SAM2_SIZES, folder)


def all_runs(
    out: Path,
    seed: int,
    steps: int,
    start: Path | None,
    schedule: Schedule,
    larger: int = 1,
    workers: int = 1,
) -> list[Run]:
    """All stages in their order: ``eyes``, ``words``, then ``eyes`` again told by the chat model as it is.

    Args:
        out: folder of the folders of the runs.
        seed: of all of them.
        steps: of ``eyes`` and of ``words``; the last has a quarter.
        start: checkpoint to go on from; None for nothing.
        schedule: of ``eyes`` and of ``words``; the last has a quarter of its steps and half of its rate.
        larger: see ``Run``.
        workers: see ``Run``.
    """
    eyes, words = out / "eyes", out / "words"
    quarter = replace(
        schedule,
        steps=steps // 4,
        decay_steps=steps // 5,
        peak_rate=schedule.peak_rate / 2,
        warmup_steps=min(schedule.warmup_steps, steps // 20 + 1),
    )
    return [
        Run("eyes", eyes, schedule, seed, start, larger=larger, workers=workers),
        Run("words", words, schedule, seed, start, larger=larger, workers=workers),
        Run(
            "whole",
            out / "fit",
            quarter,
            seed,
            eyes=(eyes,),
            words=(words,),
            only="eyes",
            larger=larger,
            workers=workers,
        ),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the bundled network on the demo world.")
    parser.add_argument("stage", choices=("eyes", "words", "whole", "prompts", "all"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; continued if it exists")
    parser.add_argument("--steps", type=int, default=3_000, help="optimiser steps in all")
    parser.add_argument("--seed", type=int, default=0, help="decides the weights' start and every sample")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--larger", type=int, default=1, metavar="N", help="N times as many samples in a batch, for a GPU"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that draw samples")
    parser.add_argument("--peak-rate", type=float, default=1.5e-3, help="learning rate after the warm-up")
    parser.add_argument("--warmup", type=int, default=60, help="first steps over which the rate rises")
    parser.add_argument("--decay", type=int, default=800, help="last steps over which the rate falls to zero")
    parser.add_argument("--clips-from", type=int, default=0, help="step from which clips are seen")
    parser.add_argument("--encoders", type=Path, help="begin with the image encoders of this checkpoint")
    parser.add_argument("--start", type=Path, help="begin with all of this checkpoint and its tokenizer")
    for stage in ("eyes", "words"):
        learned = f"begin with what this run of the stage `{stage}` has learned, or with the mean of several"
        parser.add_argument(f"--{stage}", type=Path, nargs="+", default=(), metavar="RUN", help=learned)
    parser.add_argument(
        "--only", choices=("eyes", "words"), help="of `whole`: train what this stage does, and not the other"
    )
    parser.add_argument(
        "--frozen",
        nargs="+",
        default=(),
        metavar="BEGINNING",
        help="leave parameters as they are whose names begin like this",
    )
    parser.add_argument("--export", type=Path, help="write what the run has learned to this folder, and stop")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line of this module."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.only and options.stage != "whole":
        parser.error("--only is for the stage whole")
    plan = Schedule(options.steps, options.peak_rate, warmup_steps=options.warmup, decay_steps=options.decay)
    if options.stage == "all":
        runs = all_runs(
            options.out,
            options.seed,
            options.steps,
            options.start,
            plan,
            options.larger,
            options.workers,
        )
    else:
        one = Run(
            options.stage,
            options.out,
            plan,
            options.seed,
            options.start,
            options.encoders,
            options.eyes,
            options.words,
            options.only,
            options.clips_from,
            options.frozen,
            options.larger,
            options.workers,
        )
        runs = [one]
    if not options.export:
        for run in runs:
            run.train(torch.device(options.device))
    if options.export or options.stage == "all":
        runs[-1].export(options.export or options.out / "weights")


if __name__ == "__main__":
    main()
