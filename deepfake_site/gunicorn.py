"""Gunicorn: one process with threads, so that an upload that takes minutes keeps nobody else waiting."""

import gc
import os
from pathlib import Path
from typing import Any

from deepfake_site.logs import FORMATTERS

_host = os.environ.get("HOST", "127.0.0.1")
bind = f"{f'[{_host}]' if ':' in _host else _host}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_PROCESSES", "1"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "32"))
timeout = 60
keepalive = 75  # longer than a proxy or a browser keeps a connection: whoever asks last must not meet its end
graceful_timeout = 3  # a stop does not wait for a video that somebody watches
control_socket_disable = True
secure_scheme_headers: dict[str, str] = {}  # whether a proxy is believed is said by BEHIND_PROXY alone
if Path("/dev/shm").is_dir():  # noqa: S108 - Gunicorn's heartbeat file, which must not lie on a slow disk
    worker_tmp_dir = "/dev/shm"  # noqa: S108
_console = {"class": "logging.StreamHandler", "formatter": "generic"}
logconfig_dict = {
    "formatters": {"generic": {"()": FORMATTERS.get(os.environ.get("LOG_FORMAT", ""), FORMATTERS["plain"])}},
    "handlers": {"console": _console, "error_console": _console},
    "loggers": {
        # Django's configuration comes later and gives the root logger a handler, which must not repeat these.
        "gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": False},
        # Who looked at what is nobody's business; a proxy in front may log if it must.
        "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": False},
    },
}


def post_worker_init(worker: Any) -> None:
    """What was loaded stays for ever: looking through it for garbage would stop all threads each time."""
    gc.collect()
    gc.freeze()
