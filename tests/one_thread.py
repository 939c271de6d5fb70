"""For networks and clips as small as those of tests, one thread in torch, OpenCV and numba.

Several would wait for each other and use up the processor while they do, for seconds on a busy computer;
and sums are the same every time on one. The libraries read this when they are imported, here and in
processes that tests start.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
