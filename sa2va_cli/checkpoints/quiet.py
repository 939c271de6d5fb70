"""Keeps transformers from talking on the terminal while it reads a checkpoint."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet_transformers() -> Generator[None, None, None]:
    """No bars and no warnings inside; what is wrong with a checkpoint is said by errors."""
    from transformers.utils import logging

    showed, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if showed:
            logging.enable_progress_bar()
