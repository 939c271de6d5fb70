"""What tests rely on where they start processes that begin with everything imported."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forked


def test_a_process_has_the_environment_and_the_folder_of_the_moment(folder, monkeypatch):
    monkeypatch.setenv("OF_THE_MOMENT", "yes")
    program = "import os, sys; open('told', 'w').write(f'{os.environ[\"OF_THE_MOMENT\"]} {sys.argv[1:]}')"
    forked.start(program, "a", "b").join()
    assert Path("told").read_text() == "yes ['a', 'b']"
    worker = forked.context().Process(target=tell)
    worker.start()
    worker.join()
    assert Path("told").read_text() == f"yes {folder}"
    monkeypatch.delenv("OF_THE_MOMENT")
    left = forked.start("import os; raise SystemExit('OF_THE_MOMENT' in os.environ)")
    left.join()
    assert left.exitcode == 0


def tell():
    Path("told").write_text(f"{os.environ['OF_THE_MOMENT']} {Path.cwd()}")


def test_everyone_who_waits_for_a_process_is_told_how_it_ended():
    process = forked.start("raise SystemExit(7)")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: process.join() or process.exitcode, range(8)))
    assert told == [7] * 8


def test_what_a_killed_process_has_said_on_standard_error_is_there(folder):
    with Path("errors").open("wb") as errors:
        program = "import os, sys; print('a \\udcff', file=sys.stderr); os.kill(os.getpid(), 9)"
        process = forked.start(program, stderr=errors.fileno())
        process.join()
    assert process.exitcode == -9
    assert Path("errors").read_text() == "a \\udcff\n"


def test_what_a_failed_test_has_left_is_ended_and_not_waited_for():
    process = forked.start("import time; time.sleep(600)")
    forked._end_what_is_left()
    process.join()
    assert process.exitcode == -9
