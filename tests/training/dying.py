"""A worker of `prepare` that dies. Imports little: each new process imports it."""

from __future__ import annotations

import os
import signal

from ml_app.training.data.prepare import Done, Job, run_job


def die_on_text(job: Job) -> Done:
    """As `run_job`, but a file named text takes its process down, as a fault in a decoder would."""
    if job.name.endswith("text"):
        os.kill(os.getpid(), signal.SIGKILL)
    return run_job(job)
