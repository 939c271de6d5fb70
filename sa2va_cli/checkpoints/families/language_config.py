"""What the published configs of all families say in the same words about their language model.

A pair of functions: from such a config to keyword arguments of transformers, and back.
"""

from collections.abc import Iterable

from sa2va_cli.checkpoints.json_files import Config
from sa2va_cli.errors import ModelError

_KEYS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "rms_norm_eps",
    "vocab_size",
    "max_position_embeddings",
)


def select(config: Config, keys: Iterable[str]) -> Config:
    """Takes the values of some keys.

    Raises:
        KeyError: when one is missing.
    """
    return {key: config[key] for key in keys}


def read_language(text: Config, *, tied: bool) -> Config:
    """Reads what every language model has.

    Args:
        text: its part of a published config.
        tied: whether the output layer is the embedding.

    Raises:
        ModelError: its rotary embedding is of a kind that is not supported.
    """
    return select(text, _KEYS) | {"rope_parameters": _rope(text), "tie_word_embeddings": tied}


def write_language(text: Config) -> Config:
    """Writes what ``read_language`` reads, and whatever else there is, as it is."""
    rope = dict(text["rope_parameters"])
    theta, kind = rope.pop("rope_theta"), rope["rope_type"]
    others = {key: value for key, value in text.items() if key != "rope_parameters"}
    return others | {"rope_theta": theta, "rope_scaling": rope | {"type": kind} if len(rope) > 1 else None}


def language_dimensions(width: int, inner: int, layers: int, heads: tuple[int, int], words: int) -> Config:
    """Describes a language model of Qwen or InternLM in the words of its config.

    Args:
        width: of the hidden states.
        inner: width within its feed-forward layers.
        layers: how many there are.
        heads: how many of queries, and of keys and values.
        words: entries of the vocabulary.

    Returns:
        The dimensions, and of what decides no shape the values of Qwen2.5 (Qwen/Qwen2.5-0.5B-Instruct,
        config.json).
    """
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "vocab_size": words,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 32768,
        "rope_theta": 1e6,
    }


def _rope(text: Config) -> Config:
    """Rotary embedding in the vocabulary of transformers 5, which knows no ``rope_scaling``."""
    if "rope_parameters" in text:
        return dict(text["rope_parameters"])
    scaling = dict(text.get("rope_scaling") or {})
    kind = scaling.pop("rope_type", None) or scaling.get("type", "default")
    scaling.pop("type", None)
    if kind == "mrope":  # what Qwen2.5-VL's older configs call its sections of the default kind
        kind = "default"
    if kind not in ("default", "dynamic"):
        raise ModelError(f"rope_scaling of the type {kind!r} is not supported, only 'dynamic'")
    return {"rope_type": kind, "rope_theta": float(text["rope_theta"]), **scaling}
