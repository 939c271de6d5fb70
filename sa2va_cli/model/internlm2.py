"""How InternLM2's own tokenizer turns tokens back into text, spaces and all.

Only the answer's text and its stop word depend on it. Its rules are those of the slow tokenizer that comes
with the published checkpoints: a token that was added to the vocabulary stands between two spaces, a special
token of the original vocabulary puts a space before the words that precede it, and then spaces before
punctuation are removed (reference set, section 2.2).
"""

from typing import Any

# What transformers' clean_up_tokenization replaces, in its order.
PUNCTUATION = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


def decode(tokenizer: Any, ids: list[int]) -> str:
    """Decodes an answer as the official code prints it.

    Args:
        tokenizer: a fast tokenizer.
        ids: the tokens.
    """
    original: int = tokenizer.backend_tokenizer.get_vocab_size(with_added_tokens=False)
    parts: list[str] = []
    run: list[int] = []
    for token in ids:
        if token < original:
            run.append(token)
        else:
            parts += [_phrase(tokenizer, run), tokenizer.convert_ids_to_tokens(token)]
            run = []
    parts.append(_phrase(tokenizer, run))
    return " ".join(part for part in parts if part)


def _phrase(tokenizer: Any, ids: list[int]) -> str:
    """Decodes tokens of the original vocabulary."""
    added = tokenizer.added_tokens_decoder
    text = ""
    words: list[int] = []
    after_special = False
    for token in ids:
        special = token in added and added[token].special
        if special:
            space = "" if after_special else " "
            text += space + _words(tokenizer, words) + tokenizer.convert_ids_to_tokens(token)
            words = []
        else:
            words.append(token)
        after_special = special
    text += _words(tokenizer, words)
    for spaced, closed in PUNCTUATION:
        text = text.replace(spaced, closed)
    return text


def _words(tokenizer: Any, ids: list[int]) -> str:
    if not ids:
        return ""
    decoded: str = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return decoded
