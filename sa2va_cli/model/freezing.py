"""A tracker's memory as bytes and back: what a clip is resumed from.

The bytes are a safetensors file: tensors by name, and what is no tensor as JSON in its metadata. Nothing in
it is ever run.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from sa2va_cli.model.fixed import FixedMemory
from sa2va_cli.model.memory_attention import LaidOutMemory
from sa2va_cli.model.objects import Batch, BatchMemory, ClipMemory, Memory, Span
from sa2va_cli.model.sam2_maps import DecodedMasks
from sa2va_cli.model.tracker import FrameMemory, TrackerMemory, Words

_FORMAT = 2
_DECODED = ("candidates", "ious", "score_logits", "pointers", "best")
_FIXED = ("first_pointers", "recent", "pointers")


def freeze(memory: Memory) -> bytes:
    """Packs a memory."""
    if isinstance(memory, ClipMemory):
        facts, tensors = _clip(memory)
    else:
        facts, tensors = _batch(memory)
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return save_tensors(plain, {"memory": json.dumps(facts | {"format": _FORMAT})})


def _clip(memory: ClipMemory) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What is no tensor of several batches, and their tensors under the number of each."""
    batches: list[dict[str, Any]] = []
    tensors: dict[str, Tensor] = {}
    for number, batch in enumerate(memory.batches):
        facts, own = _batch(batch.memory)
        span = [batch.span.first, batch.span.last]
        batches.append({"rows": batch.rows, "span": span, "memory": facts})
        tensors |= {f"{number}.{name}": tensor for name, tensor in own.items()}
    return {"objects": memory.objects, "batches": batches}, tensors


def _batch(memory: BatchMemory) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if isinstance(memory, TrackerMemory):
        facts: dict[str, Any] = {
            "conditioning": [one.index for one in memory.conditioning],
            "recent": [one.index for one in memory.recent],
        }
        tensors = dict(_frames("conditioning", memory.conditioning)) | dict(_frames("recent", memory.recent))
    else:
        facts = {
            "objects": memory.objects,
            "keyframes": memory.keyframes,
            "recent_indices": memory.recent_indices,
            "pointer_indices": memory.pointer_indices,
            "layers": len(memory.laid_out.keys),
        }
        tensors = {name: getattr(memory, name) for name in _FIXED} | {"values": memory.laid_out.values}
        tensors |= {f"keys.{layer}": keys for layer, keys in enumerate(memory.laid_out.keys)}
    facts |= {"backwards": memory.backwards, "pointed": memory.pointed, "decoded": list(memory.decoded)}
    for index, decoded in memory.decoded.items():
        tensors |= {f"decoded.{index}.{name}": getattr(decoded, name) for name in _DECODED}
    if memory.words is not None:
        tensors["words.queries"] = memory.words.queries
        if memory.words.agreements is not None:
            tensors["words.agreements"] = memory.words.agreements
    return facts, tensors


def thaw(data: bytes, device: torch.device) -> Memory:
    """Unpacks what ``freeze`` packed.

    Args:
        data: the bytes.
        device: where the tensors are wanted.

    Raises:
        ValueError: it is damaged, or of another format.
    """
    try:
        facts = _facts(data)
        with torch.inference_mode():
            tensors = {name: tensor.to(device) for name, tensor in load_tensors(data).items()}
        return _thawed(facts, tensors)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no memory of a tracker, or a damaged one: {error}") from error


def _facts(data: bytes) -> dict[str, Any]:
    """What is no tensor: the metadata at the head of a safetensors file (its length, 8 bytes, then JSON)."""
    length = int.from_bytes(data[:8], "little")
    facts: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["memory"])
    if facts["format"] != _FORMAT:
        raise ValueError(f"this memory has format {facts['format']}; this version reads {_FORMAT}")
    return facts


def _thawed(facts: dict[str, Any], tensors: dict[str, Tensor]) -> Memory:
    if "batches" not in facts:
        return _thawed_batch(facts, tensors)
    batches = []
    for number, one in enumerate(facts["batches"]):
        mark = f"{number}."
        own = {name.removeprefix(mark): value for name, value in tensors.items() if name.startswith(mark)}
        batches.append(Batch(tuple(one["rows"]), Span(*one["span"]), _thawed_batch(one["memory"], own)))
    return ClipMemory(facts["objects"], tuple(batches))


def _thawed_batch(facts: dict[str, Any], tensors: dict[str, Tensor]) -> BatchMemory:
    decoded = {
        index: DecodedMasks(*(tensors[f"decoded.{index}.{name}"] for name in _DECODED))
        for index in facts["decoded"]
    }
    queries = tensors.get("words.queries")
    words = None if queries is None else Words(queries, tensors.get("words.agreements"))
    if "conditioning" in facts:
        conditioning, recent = (
            tuple(
                FrameMemory(index, tensors[f"{name}.{index}.features"], tensors[f"{name}.{index}.pointers"])
                for index in facts[name]
            )
            for name in ("conditioning", "recent")
        )
        return TrackerMemory(
            conditioning,
            recent,
            decoded,
            backwards=facts["backwards"],
            pointed=facts["pointed"],
            words=words,
        )
    keys = tuple(tensors[f"keys.{layer}"] for layer in range(facts["layers"]))
    return FixedMemory(
        objects=facts["objects"],
        keyframes=tuple(facts["keyframes"]),
        decoded=decoded,
        laid_out=LaidOutMemory(tensors["values"], keys),
        recent_indices=tuple(facts["recent_indices"]),
        pointer_indices=tuple(facts["pointer_indices"]),
        **{name: tensors[name] for name in _FIXED},
        backwards=facts["backwards"],
        pointed=facts["pointed"],
        words=words,
    )


def _frames(name: str, memories: Iterable[FrameMemory]) -> Iterator[tuple[str, Tensor]]:
    for one in memories:
        yield f"{name}.{one.index}.features", one.features
        yield f"{name}.{one.index}.pointers", one.pointers
