import os

import forked
import torch


def test_torch_has_as_many_threads_as_were_asked_for_here_and_in_processes_that_tests_start():
    wanted = int(os.environ["OMP_NUM_THREADS"])
    assert torch.get_num_threads() <= wanted
    there = forked.start("import torch; raise SystemExit(torch.get_num_threads())")
    there.join()
    assert there.exitcode == wanted
