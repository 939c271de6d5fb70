"""The rule by which SAM 2 goes from one frame to the next, for memories that grow and of fixed shape.

A tracked frame attends to all conditioning frames, to the last six tracked frames, and to object pointers: of
conditioning frames that lie behind it, and of the last fifteen tracked frames (reference set, section 5.2).
"Last" and "behind" are meant in the order in which frames are followed, which may be backwards, as in SAM 2's
propagation in reverse. Knows nothing about how memories are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sa2va_cli.model.memory_attention import MAX_POINTER_DISTANCE
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures


@dataclass(frozen=True)
class LookBack:
    """What of a memory a frame attends to.

    Attributes:
        slots: of each tracked frame in the temporal encodings, 0 for the frame just before; None for one
            whose spatial memory is not attended to any more, and for a gap.
        keyframe_pointers: how many frames ago each conditioning frame was; None where its pointer is not
            attended to.
        pointers: the same of each tracked frame.
    """

    slots: tuple[int | None, ...]
    keyframe_pointers: tuple[int | None, ...]
    pointers: tuple[int | None, ...]


def look_back(
    index: int,
    keyframes: Sequence[int],
    recent: Sequence[int | None],
    memory_slots: int,
    *,
    pointed: Sequence[int | None] | None = None,
    backwards: bool = False,
) -> LookBack:
    """Says what frame ``index`` attends to.

    Args:
        index: of the frame.
        keyframes: indices of the conditioning frames.
        recent: indices of the tracked frames whose spatial memory is kept; None for a gap.
        memory_slots: how many temporal encodings there are; the last one is that of conditioning frames.
        pointed: indices of the tracked frames whose pointer is kept; None for the same as ``recent``.
        backwards: whether frames are followed by falling index.
    """
    first = [_distance(index, one, backwards=backwards) for one in keyframes]
    back = [_distance(index, one, backwards=backwards) for one in recent]
    told = back if pointed is None else [_distance(index, one, backwards=backwards) for one in pointed]
    return LookBack(
        tuple(one - 1 if one is not None and 0 < one < memory_slots else None for one in back),
        tuple(one if one is not None and one >= 0 else None for one in first),
        tuple(one if one is not None and one <= MAX_POINTER_DISTANCE else None for one in told),
    )


def _distance(index: int, earlier: int | None, *, backwards: bool) -> int | None:
    """How many frames ago a frame was followed."""
    if earlier is None:
        return None
    return earlier - index if backwards else index - earlier


def is_kept(index: int, earlier: int, *, backwards: bool) -> bool:
    """Whether a tracked frame is still attended to on the frame after ``index``."""
    following = index - 1 if backwards else index + 1
    distance = _distance(following, earlier, backwards=backwards)
    return distance is not None and distance <= MAX_POINTER_DISTANCE


def tracked(
    sam2: Sam2, features: ImageFeatures, conditioned: Tensor, *, empty_absent: bool
) -> tuple[DecodedMasks, Tensor]:
    """Decodes a tracked frame and encodes what is remembered of it.

    Args:
        sam2: the network.
        features: of this one frame.
        conditioned: (N, C, s, s) its lowest map, once it has attended to the memories of N objects.
        empty_absent: whether the mask of an object that is not seen becomes empty, as in SAM 2 itself.

    Returns:
        masks, and memory features (N, s*s, memory_width).
    """
    decoded = sam2.decode(features.expand(len(conditioned)), conditioned, None)
    if empty_absent:
        decoded = decoded.without_absent()
    return decoded, sam2.memorise(features.low, decoded.logits, decoded.score_logits)
