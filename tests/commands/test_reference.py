from sa2va_cli.commands.reference import PAGE, page


def test_the_page_says_what_the_program_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/reference"
