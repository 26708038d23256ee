"""The detector: from a video file to findings. Knows no Django, no settings and no path it was not given."""

import os

# Before torch is imported anywhere: its threads would spin while they wait for each other, which on a machine
# that also serves pages and looks for faces makes the network several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
