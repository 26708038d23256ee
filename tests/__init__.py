import os

# Each of pytest-xdist's processes, and what it starts, computes in one thread: with a thread for each core in
# every one of them, they would wait for each other. Said here, because libraries look when they are imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
