"""The Celery application. The queue carries nothing but the ids of rows."""

import os
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")

# Celery warns at length against running as root because of pickled messages; only JSON is accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("deepfake_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.Task.Request = "deepfake_site.acknowledging:Request"
app.autodiscover_tasks(["ml_app.jobs"])
app.autodiscover_tasks(["ml_app.jobs"], related_name="deliveries")


@setup_logging.connect
def _leave_logging_alone(**kwargs: Any) -> None:
    """Django's LOGGING holds for the worker too: Celery sets up its own only where nobody listens here."""
