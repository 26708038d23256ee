"""A process that appends entries as fast as it can, beside others: `appending.py NAME ENTRIES`."""

from __future__ import annotations

import sys

import django

django.setup()

from ml_app import audit  # noqa: E402 - needs the settings
from ml_app.audit import Action, ObjectKind, Subject  # noqa: E402

name, entries = sys.argv[1], int(sys.argv[2])
sys.stdin.readline()  # all begin at once
for number in range(entries):
    audit.record(Action.DELETED, Subject(ObjectKind.SCAN, str(number), name))
