"""Several processes append to one chain; the migration goes there and back."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.jobs.site import PYTHON, ROOT, Site

pytestmark = pytest.mark.processes
PROCESSES, ENTRIES = 4, 25
TELL = (
    "import json; from collections import Counter; from ml_app.models import AuditEntry; "
    "rows = AuditEntry.objects.filter(action='deleted'); "
    "print(json.dumps([rows.count(), Counter(rows.values_list('object_label', flat=True))]))"
)


def manage(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False
    )


def test_processes_at_once_make_one_chain(site_of_each: Site) -> None:
    site = site_of_each
    environment = {**site.environment, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    at_once = [
        subprocess.Popen(
            [PYTHON, "-m", "tests.audit.appending", f"process {number}", str(ENTRIES)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for process in at_once:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.close()
    assert [process.wait() for process in at_once] == [0] * PROCESSES
    verified = manage(site, "verify_audit")
    assert verified.returncode == 0, verified.stderr
    assert f"is whole: {PROCESSES * ENTRIES} entries" in verified.stdout
    told = json.loads(manage(site, "shell", "--no-imports", "-c", TELL).stdout.splitlines()[-1])
    assert told == [PROCESSES * ENTRIES, {f"process {number}": ENTRIES for number in range(PROCESSES)}]


def test_the_migration_goes_back_and_forth(site_of_each: Site) -> None:
    site = site_of_each
    for target in (("ml_app", "0012"), ("ml_app",)):
        moved = manage(site, "migrate", *target, "--verbosity=0")
        assert moved.returncode == 0, moved.stderr
    verified = manage(site, "verify_audit")
    assert verified.returncode == 0, "with its triggers again"
    assert "is whole: 0 entries" in verified.stdout


def test_a_broken_chain_is_an_exit_status(site_of_each: Site) -> None:
    site = site_of_each
    code = (
        "from django.db import connection as c; from ml_app import audit; from ml_app.audit import *\n"
        "for n in range(3): audit.record(Action.DELETED, Subject(ObjectKind.SCAN, str(n)))\n"
        "on = ' ON ml_app_auditentry' if c.vendor == 'postgresql' else ''\n"
        "c.cursor().execute('DROP TRIGGER auditentry_no_delete' + on)\n"
        "c.cursor().execute('DELETE FROM ml_app_auditentry WHERE number = 2')"
    )
    done = manage(site, "shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr
    verified = manage(site, "verify_audit")
    assert verified.returncode == 1
    assert "entry 2 is missing" in verified.stderr
    assert "Traceback" not in verified.stderr
