"""What every test needs before the first import of a numeric library."""

import os

# Two test workers whose OpenMP threads spin for the same two cores slow each other down tenfold and more.
# Must be set before torch is loaded; processes the tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
