"""The embedded broker: a private folder of messages, for an installation on one machine.

Celery's own filesystem transport, with four of its habits changed. A message appears whole or not at all (it
is written under another name first; a reader could find it half written). Taking one is deleting it, which
one process alone can do, in place of moving it to the machine's common temporary folder. And names sort by
time also after a restart of the machine. Of several queues, the first is emptied
before the next is looked at.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.scheduling import FairCycle

logger = logging.getLogger(__name__)
STOP_SECONDS = 0.5  # how long a worker that waits for messages may take to notice that it is to stop


class InOrder(FairCycle):
    """Looks into the first queue each time, and into a later one only where those before it are empty."""

    def get(self, callback: Any, **kwargs: Any) -> Any:
        self.pos = 0
        return super().get(callback, **kwargs)


class Channel(filesystem.Channel):
    """Reads and writes the messages."""

    def _reset_cycle(self) -> None:
        self._cycle = InOrder(self._get_and_deliver, self._active_queues, Empty)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # as kombu's own
        name = f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        partial = folder / f"{name}.partial"
        partial.write_text(json.dumps(payload))
        partial.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg")):
            try:
                text = path.read_text()
                path.unlink()
            except FileNotFoundError:
                continue  # another worker took it
            try:
                payload: dict[str, Any] = json.loads(text)
            except ValueError:
                logger.warning("Deleted the unreadable message %s", path.name)
                continue
            return payload
        raise Empty


class Transport(filesystem.Transport):
    """As kombu's, with the channel above; looks for messages several times a second."""

    Channel = Channel
    polling_interval = 0.2

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        super().drain_events(connection, timeout=timeout and min(timeout, STOP_SECONDS))
