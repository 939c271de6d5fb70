"""The reference of the command line, ``docs/reference/cli.md``, and the table of receivers in the guide.

``scripts/reference`` writes it; a test fails when the page and the program disagree.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sa2va_cli.commands.defaults import KNOWN

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"

GUIDE = PAGE.parents[1] / "guides" / "delivery.md"
_BEGIN, _END = "<!-- receivers -->", "<!-- end -->"

_HEAD = """# The command line

Written by `scripts/reference` from what `--help` says; change the text where the option is declared.

Every option can have a default of yours. What is said more directly wins: the command line, the environment
(`SA2VA_SEGMENT_KEYFRAMES=9` for one command, `SA2VA_MODEL=1b` for every command that has this option), the
file that `sa2va config path` names (or `SA2VA_CONFIG`), what is built in. In the file, which is TOML, a table
is a command and a key the long name of an option; what stands before the first table is for every command
that has this option:

```toml
model = "1b"

[segment]
keyframes = 9
save = ["mask", "matte"]

[models.convert]
dtype = "keep"
```

A flag that is set in the environment or in the file is taken back with `--no-` and its name, as in
`--no-overwrite`. An unknown key or a value of the wrong type is an error (exit code 2). Options of the panel
"Options" below belong to one command and have no name for all. `sa2va config` shows the default of every
option here, and where it comes from.

An option that means nothing in what a command is asked, such as `--crf` for masks in JSON, is refused or
warned of where it is typed; a default of yours is left out there, and gives way to what is typed against it.
"""


def page() -> str:
    """Makes the page."""
    import typer

    from sa2va_cli.commands.app import app

    root = typer.main.get_command(app)
    parts = [_HEAD.strip()]
    for path, command in _commands(root):
        parts += ["", f"## sa2va {' '.join(path)}", "", _plain(command.help or ""), *_arguments(command)]
        parts += _options(path, command)
    return "\n".join(parts) + "\n"


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None or command.invoke_without_command:
            yield (*path, name), command
        if inner is not None:
            yield from _commands(command, (*path, name))


def _arguments(command: Any) -> list[str]:
    rows = [
        f"* `{parameter.metavar}`: {_plain(parameter.help or '')}"
        for parameter in command.params
        if parameter.param_type_name == "argument"
    ]
    return ["", *rows] if rows else []


def _options(path: tuple[str, ...], command: Any) -> list[str]:
    lines: list[str] = []
    panel: str | None = None
    for parameter in command.params:
        if parameter.param_type_name != "option" or parameter.hidden or parameter.name == "help":
            continue
        title = parameter.rich_help_panel or "Options"
        if title != panel:
            lines += ["", f"| {title} | |", "|---|---|"]
            panel = title
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        value = f" {parameter.metavar}" if parameter.metavar else ""
        text = _plain(parameter.help or "").replace("|", "\\|")
        lines.append(f"| {names}{value} | {text}{_default(path, parameter)} |")
    return lines


def _default(path: tuple[str, ...], parameter: Any) -> str:
    known = KNOWN.get(path, {}).get(parameter.name)
    value = parameter.default
    if known is None or known.kind == "true or false" or value is None or not parameter.show_default:
        return ""
    return f" [default: {', '.join(value) if isinstance(value, list | tuple) else value}]"


def _plain(text: str) -> str:
    from rich.text import Text

    return Text.from_markup(text).plain


def receivers() -> str:
    """The table of receivers, from ``presets.PRESETS``."""
    from sa2va_cli.outputs.presets import PRESETS, Storage

    def stored(one: Storage) -> str:
        return f"{one.codec} in .{one.container}" if one.codec else f"folder of .{one.container}"

    rows = [
        "| `--for` | makes | with alpha | masks | colour | alpha | masks' range | names of frames |",
        "|---" * 8 + "|",
    ]
    for name, row in PRESETS.items():
        frames = row.names + (f" from {row.start_number}" if row.start_number is not None else "")
        cells = (
            f"`{name}`",
            ", ".join(row.kinds),
            *map(stored, (row.alpha, row.mask, row.colour)),
            row.alpha_kind,
            row.value_range if row.mask.codec else "",
            f"`{frames}`" if row.names else f"in `{row.folder}/`, as the input's" if row.folder else "",
        )
        rows.append(f"| {' | '.join(cells)} |".replace("  ", " "))
    return "\n".join(rows)


def guide(text: str) -> str:
    """The guide with the table in its place."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{receivers()}\n{_END}{after}"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    GUIDE.write_text(guide(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n{GUIDE}\n")
