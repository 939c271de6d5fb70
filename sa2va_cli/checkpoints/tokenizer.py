"""Loads the tokenizer of a checkpoint folder, whatever class or program the folder asks for.

``tokenizer.json`` is a fast tokenizer as it is. ``tokenizer.model`` is SentencePiece's: InternLM2 has no
other, and its own program is never run (reference set, section 2.2). Where both are, the one is stale that
the folder's own tokenizer class does not read: SAIL-VL comes with InternLM2's (section 9.4).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from sa2va_cli.checkpoints.json_files import Config, one_line, read_json_object
from sa2va_cli.checkpoints.sentencepiece import fast_tokenizer, read_pieces
from sa2va_cli.errors import ModelError
from sa2va_cli.model.prompt_text import SEGMENT

TOKENIZER_FILE = "tokenizer.json"
PIECES_FILE = "tokenizer.model"
TOKENIZER_CONFIG = "tokenizer_config.json"
_CLASS_OF_PIECES = "InternLM2"
"""How the names of the tokenizer classes begin that read ``tokenizer.model`` and nothing else."""
_READ_BY_TRANSFORMERS = (TOKENIZER_FILE, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json")


def load_tokenizer(folder: Path, needed: Iterable[str] = (SEGMENT,)) -> Any:
    """Loads a fast tokenizer.

    Args:
        folder: a checkpoint.
        needed: tokens that it must know.

    Raises:
        ModelError: when there is none, or it is not one of a Sa2VA.
    """
    pieces, fast = ((folder / name).is_file() for name in (PIECES_FILE, TOKENIZER_FILE))
    if not pieces and not fast:
        raise ModelError(f"{folder} has neither {TOKENIZER_FILE} nor {PIECES_FILE}")
    try:
        tokenizer = (
            _from_json(folder) if fast and not (pieces and _reads_pieces(folder)) else _from_pieces(folder)
        )
    except ModelError:
        raise
    except Exception as error:  # the tokenizers library raises bare Exception on a file that it cannot parse
        raise ModelError(f"the tokenizer in {folder} is not understood: {one_line(error)}") from error
    known = tokenizer.get_vocab()
    if absent := [token for token in needed if token not in known]:
        raise ModelError(
            f"the tokenizer in {folder} lacks {' and '.join(absent)}; is this a Sa2VA checkpoint?"
        )
    return tokenizer


def _reads_pieces(folder: Path) -> bool:
    config = read_json_object(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).is_file() else {}
    return str(config.get("tokenizer_class", "")).startswith(_CLASS_OF_PIECES)


def _from_json(folder: Path) -> Any:
    """Has transformers read the fast tokenizer, after a look at every file that it reads."""
    for name in _READ_BY_TRANSFORMERS:
        if (folder / name).is_file():
            read_json_object(folder / name)
    return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)


def _from_pieces(folder: Path) -> PreTrainedTokenizerFast:
    """Builds InternLM2's tokenizer; every text begins with ``<s>``."""
    config: Config = read_json_object(folder / TOKENIZER_CONFIG)
    model = read_pieces(folder / PIECES_FILE)
    added = {int(i): token for i, token in config["added_tokens_decoder"].items()}
    size = len(model.pieces)
    names = {i: token["content"] for i, token in added.items() if i < size}
    tokenizer = fast_tokenizer(model, names)
    _add(tokenizer, added)
    given = {key: config.get(f"{key}_token") for key in ("bos", "eos", "pad", "unk")}
    words = {key: _word(token) for key, token in given.items() if token}
    begin = tokenizer.token_to_id(words["bos"])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{words['bos']} $A", special_tokens=[(words["bos"], begin)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        **{f"{key}_token": word for key, word in words.items()},
    )


def _add(tokenizer: Tokenizer, added: dict[int, dict[str, Any]]) -> None:
    """Adds tokens in the order of their ids, which must come out as they were."""
    for i, token in sorted(added.items()):
        flags = {key: token[key] for key in ("lstrip", "rstrip", "normalized", "single_word", "special")}
        tokenizer.add_tokens([AddedToken(token["content"], **flags)])
        if tokenizer.token_to_id(token["content"]) != i:
            raise ValueError(f"the token {token['content']!r} cannot have the id {i}")


def _word(token: str | dict[str, Any]) -> str:
    return token if isinstance(token, str) else str(token["content"])
