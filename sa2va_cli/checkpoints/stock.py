"""Chat models that transformers runs with classes of its own: which checkpoints are of that kind.

A checkpoint is told by the class in ``architectures``, not by its ``model_type``: early files of
LLaVA-NeXT-Video have another one's (reference set, section 10.2). Knows nothing about how they are loaded.
"""

from sa2va_cli.checkpoints.json_files import Config


def stock_architecture(config: Config) -> str | None:
    """The class of transformers that a config names, if it is one that answers about pictures.

    ``auto_map``, by which a checkpoint offers programs of its own, is not looked at.

    Args:
        config: of a checkpoint.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    named = config.get("architectures")
    known: set[str] = set()
    for name in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.values():
        known.update([name] if isinstance(name, str) else name)
    return next((name for name in named if name in known), None) if isinstance(named, list) else None
