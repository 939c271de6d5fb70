"""What was found, as a log that every other output can be made of again."""

from sa2va_cli.outputs.kind import OutputKind

ENDING = ".sa2va"

KIND = OutputKind(
    "what was found, for sa2va render.",
    None,
    video=(ENDING,),
    image=(ENDING,),
    frames=(ENDING,),
    for_each_prompt=False,
)
