"""Reads a SentencePiece model, without SentencePiece, and makes a fast tokenizer of it.

Only what byte-pair models need is read. The fields are those of ``sentencepiece_model.proto`` of
google/sentencepiece; the file is a protocol buffer, whose wire format is read here.

Why not a library: transformers 5.23 converts such a file with the packages sentencepiece and protobuf, which
nothing else here needs; and of a model with ``add_dummy_prefix`` it drops the prefix, so that the ids are
other than SentencePiece's. Those of this file were the same in every text that was tried.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers
from tokenizers.models import BPE

SPACE = "▁"
BPE_MODEL = 2
UNKNOWN, CONTROL, USER_DEFINED, UNUSED, NORMAL = 2, 3, 4, 5, 1
Field = tuple[int, int | bytes]


@dataclass(frozen=True)
class Piece:
    """One entry of the vocabulary.

    Attributes:
        text: with ``▁`` for a space.
        score: pieces of a higher one are merged first.
        kind: ``NORMAL``, ``UNKNOWN``, ``CONTROL``, ``USER_DEFINED``, ``UNUSED`` or a byte.
    """

    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class PieceModel:
    """A SentencePiece byte-pair model.

    Attributes:
        pieces: by token id.
        prefix: whether every text gets a space in front (``add_dummy_prefix``).
        squeeze: whether spaces at the ends and double ones are removed (``remove_extra_whitespaces``).
        charsmap: rules that normalise characters; empty for none.
    """

    pieces: tuple[Piece, ...]
    prefix: bool
    squeeze: bool
    charsmap: bytes


def read_pieces(path: Path) -> PieceModel:
    """Reads ``tokenizer.model``.

    Raises:
        ValueError: when it is no SentencePiece byte-pair model.
    """
    pieces: list[Piece] = []
    normalizer: dict[int, int | bytes] = {}
    kind: int | bytes = 1
    for number, value in _fields(path.read_bytes()):
        if number == 1:
            pieces.append(_piece(_bytes(value)))
        elif number == 2:
            kind = dict(_fields(_bytes(value))).get(3, 1)
        elif number == 3:
            normalizer = dict(_fields(_bytes(value)))
    if kind != BPE_MODEL or not pieces:
        raise ValueError("it is no SentencePiece model of the byte-pair kind")
    return PieceModel(
        tuple(pieces),
        prefix=bool(normalizer.get(3, 1)),
        squeeze=bool(normalizer.get(4, 1)),
        charsmap=_bytes(normalizer.get(2, b"")),
    )


def fast_tokenizer(model: PieceModel, names: dict[int, str]) -> Tokenizer:
    """Makes a tokenizer that gives the ids that SentencePiece gives.

    Args:
        model: what ``read_pieces`` returned.
        names: other names of some ids of the vocabulary; they take part in no merge.
    """
    vocabulary = {names.get(i, piece.text): i for i, piece in enumerate(model.pieces)}
    merged = {
        piece.text: piece.score
        for i, piece in enumerate(model.pieces)
        if piece.kind in (NORMAL, USER_DEFINED, UNUSED) and i not in names
    }
    unknown = next((names.get(i, p.text) for i, p in enumerate(model.pieces) if p.kind == UNKNOWN), None)
    bpe = BPE(vocabulary, _merges(merged, vocabulary), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizers.Sequence(list(_normalizers(model)))
    tokenizer.decoder = decoders.Sequence(list(_decoders(model)))
    tokenizer.add_tokens(
        [
            AddedToken(piece.text, normalized=False, special=False)
            for i, piece in enumerate(model.pieces)
            if piece.kind == USER_DEFINED and i not in names
        ]
    )
    return tokenizer


def _merges(scores: dict[str, float], ids: dict[str, int]) -> list[tuple[str, str]]:
    """Every pair of pieces that makes a piece, best first."""
    found = [
        (-score, ids[text[:cut]], ids[text[cut:]], text[:cut], text[cut:])
        for text, score in scores.items()
        for cut in range(1, len(text))
        if text[:cut] in scores and text[cut:] in scores
    ]
    return [(left, right) for *_, left, right in sorted(found)]


def _normalizers(model: PieceModel) -> Iterator[normalizers.Normalizer]:
    if model.charsmap:
        yield normalizers.Precompiled(model.charsmap)
    yield normalizers.Replace(" ", SPACE)
    if model.squeeze:
        yield normalizers.Replace(Regex(f"{SPACE}+"), SPACE)
        yield normalizers.Replace(Regex(rf"\A{SPACE}|{SPACE}\z"), "")
    if model.prefix:
        yield normalizers.Prepend(SPACE)


def _decoders(model: PieceModel) -> Iterator[decoders.Decoder]:
    yield decoders.Replace(SPACE, " ")
    yield decoders.ByteFallback()
    yield decoders.Fuse()
    if model.prefix or model.squeeze:
        yield decoders.Strip(" ", 1, 0)


def _piece(message: bytes) -> Piece:
    fields = dict(_fields(message))
    kind = fields.get(3, NORMAL)
    score: float = struct.unpack("<f", _bytes(fields.get(2, bytes(4))))[0]
    return Piece(_bytes(fields[1]).decode(), score, int(kind) if isinstance(kind, int) else NORMAL)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a field is of the wrong kind")  # noqa: TRY004 - the file's fault, not the caller's
    return value


def _fields(message: bytes) -> Iterator[Field]:
    """Yields the fields of a protocol buffer: numbers for varints, bytes for everything else."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            length, at = _varint(message, at)
        if length is None or at + length > len(message):
            raise ValueError("it is cut short, or no protocol buffer")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Reads a number of seven bits to the byte; returns it and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("it is cut short")
