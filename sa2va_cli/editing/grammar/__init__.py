"""The grammar of instructions in English and Chinese: from a sentence to a plan.

What a sentence names is left as it is: finding it is the model's work. Knows nothing about models and files.
"""

import re

from sa2va_cli.editing.grammar.chinese import read_chinese
from sa2va_cli.editing.grammar.english import read_english
from sa2va_cli.editing.grammar.refusal import NotUnderstood, refused
from sa2va_cli.editing.plan import EditPlan
from sa2va_cli.errors import UsageError

_CHINESE = re.compile("[\u3400-\u9fff]")


def parse_instruction(instruction: str, *, generative: bool = False) -> EditPlan:
    """Reads an instruction.

    Args:
        instruction: a sentence such as "blur the dog and outline the cat in red from 0:02".
        generative: whether there is a back-end that makes anything of words.

    Raises:
        UsageError: a part of it cannot be read; names it, the nearest effects, and the explicit form.
    """
    plain = instruction.strip()
    if not plain:
        raise UsageError('the instruction is empty; say what to change, as in "blur the dog"')
    read = read_chinese if _CHINESE.search(re.sub(r"\"[^\"]*\"|“[^”]*”", "", plain)) else read_english
    try:
        return EditPlan(read(plain, generative=generative), plain)
    except NotUnderstood as reason:
        raise refused(plain, reason) from reason
