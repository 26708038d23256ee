"""What comes in becomes rows: cheaply, so that a request with thousands of files is answered at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Max

from ml_app import audit, services
from ml_app.audit import Action
from ml_app.batches import archive, table
from ml_app.errors import ServiceError, refuse
from ml_app.models import Batch, BatchItem, Team, Video
from ml_app.storage import media_files
from ml_app.storage.uploads import IncomingFile, spool

if TYPE_CHECKING:
    from django.contrib.auth.models import User

START = 8  # bytes that tell a zip file from all others


@dataclass(frozen=True, slots=True)
class Order:
    """Whose a new batch is, and how its files are to be analysed."""

    owner: str
    user: User | None
    frame_count: int
    detector_name: str = ""
    team: Team | None = None  # to whom it is given; by default it stays the owner's alone
    others: tuple[str, ...] = ()  # detectors that are asked as well

    @property
    def detector(self) -> str:
        """The detector's name."""
        return self.detector_name or settings.DETECTOR

    def also(self) -> str:
        """The detectors that are asked as well, as `services.asked_as_well` has them, and raises."""
        return services.asked_as_well(name=self.detector, others=self.others)

    def check(self) -> None:
        """
        Raises:
            ServiceError: "bad_frame_count", "detector_unavailable", or as `also` does.
        """
        if self.frame_count not in settings.FRAME_COUNTS:
            raise refuse("bad_frame_count")
        if not services.detector_state(name=self.detector).available:
            raise refuse("detector_unavailable")
        self.also()


def create_empty(*, order: Order, name: str) -> Batch:
    """A batch whose files come one by one.

    Raises:
        ServiceError: As `Order.check` does.
    """
    order.check()
    with transaction.atomic():
        batch = Batch.objects.create(
            owner=order.owner,
            team=order.team,
            ordered_by=order.user,
            name=archive.shown(name.strip())[:200] if name.strip() else "?",
            frame_count=order.frame_count,
            detector_name=order.detector,
            also=order.also(),
        )
        audit.record(Action.MADE, batch, detector=batch.detector_name, frames=order.frame_count)
    return batch


def create_from_links(*, order: Order, name: str, links: Iterable[str]) -> Batch:
    """A batch of links. Those that nothing can be asked of get a row that says so.

    Raises:
        ServiceError: "links_not_enabled", "table_empty", "batch_too_many", or as `Order.check` does.
    """
    found = list(links)
    if not settings.LINKS:
        raise refuse("links_not_enabled")
    if not found:
        raise refuse("table_empty")
    if len(found) > settings.BATCH_FILES:
        raise refuse("batch_too_many")
    with transaction.atomic():
        batch = create_empty(order=order, name=name)
        BatchItem.objects.bulk_create(_link_item(batch, at, link) for at, link in enumerate(found, 1))
    return batch


def _link_item(batch: Batch, number: int, link: str) -> BatchItem:
    good = table.is_link(link)
    return BatchItem(
        batch=batch,
        number=number,
        name=archive.shown(link) if not good else link,
        url=link if good else "",
        error_code="" if good else "bad_url",
    )


def create_from_file(*, order: Order, upload: UploadedFile) -> Batch:
    """A batch of a zip file, or of a table of links.

    Raises:
        ServiceError: With a code of `archive.members` or `table.links`; nothing is kept then.
    """
    incoming = spool(upload)
    with _closed_if_refused(incoming):
        with incoming.path.open("rb") as file:
            is_zip = archive.is_zip(file.read(START))
            file.seek(0)
            content = b"" if is_zip else file.read(table.LARGEST + 1)
        if is_zip:
            return _create_from_zip(order, incoming)
        links = table.links(content, at_most=settings.BATCH_FILES)
        batch = create_from_links(order=order, name=incoming.name or "", links=links)
    incoming.close()
    return batch


def _create_from_zip(order: Order, incoming: IncomingFile) -> Batch:
    members = archive.members(incoming.path, at_most=settings.BATCH_FILES)
    with transaction.atomic():
        batch = create_empty(order=order, name=incoming.name or "")
        BatchItem.objects.bulk_create(
            BatchItem(batch=batch, number=at, name=one.name, member=one.number, error_code=one.code)
            for at, one in enumerate(members, 1)
        )
        batch.archive = f"batches/{batch.pk}/{secrets.token_hex(4)}.zip"
        batch.save(update_fields=["archive"])
        media_files.keep(incoming, batch.archive)
    incoming.close()
    return batch


@contextmanager
def _closed_if_refused(incoming: IncomingFile) -> Iterator[None]:
    try:
        yield
    except BaseException:
        incoming.close()
        raise


def add_file(*, batch: Batch, upload: UploadedFile) -> BatchItem:
    """One more file. What cannot be analysed gets a row with the reason.

    Raises:
        ServiceError: "batch_ended", "batch_too_many", or what has nothing to do with the file.
    """
    incoming = spool(upload)
    with _closed_if_refused(incoming):
        if batch.cancelled_at is not None:
            raise refuse("batch_ended")
        if batch.items.count() >= settings.BATCH_FILES:
            raise refuse("batch_too_many")
    video: Video | None = None
    code, name = "", incoming.name or "?"
    try:
        video, _new = services.receive_video(
            upload=incoming, owner=batch.owner, user=batch.ordered_by, team=batch.team
        )
    except ServiceError as error:
        if error.code in ("disk_full", "upload_interrupted"):
            raise
        code = error.code
    return note_file(batch=batch, name=name, video=video, code=code)


def note_file(*, batch: Batch, name: str, video: Video | None = None, code: str = "") -> BatchItem:
    """A row for a file, which came or was refused with `code`."""
    with transaction.atomic():
        Batch.objects.select_for_update().get(pk=batch.pk)  # of two at once, each gets a number of its own
        last = batch.items.aggregate(last=Max("number"))["last"] or 0
        return BatchItem.objects.create(
            batch=batch, number=last + 1, name=archive.shown(name), video=video, error_code=code
        )
