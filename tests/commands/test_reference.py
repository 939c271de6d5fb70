from sa2va_cli.commands import reference
from sa2va_cli.commands.reference import PAGE, page
from sa2va_cli.outputs.presets import PRESETS


def test_the_page_says_what_the_program_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/reference"


def test_the_guide_has_the_table_and_a_section_with_the_command_for_every_receiver():
    text = reference.GUIDE.read_text(encoding="utf-8")
    assert text == reference.guide(text), "run scripts/reference"
    for name, row in PRESETS.items():
        section = text.partition(f"\n## {row.title}\n")[2].partition("\n## ")[0]
        assert f"--for {name}\n" in section, name
