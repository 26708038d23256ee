"""manage.py in a process of its own, with the tests' tiny backbone: python -m tests.training.driver train"""

from __future__ import annotations

import os
import sys

import torch

from ml_app.detection.networks.backbones import BACKBONES
from tests.training.tiny import TINY

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")
    torch.set_num_threads(1)
    BACKBONES["tiny"] = TINY
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *sys.argv[1:]])
