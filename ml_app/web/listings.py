"""Rows with what their pages show beside them, in a constant number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, Prefetch, Subquery

from ml_app.models import Face, FaceFrame, Review, Scan, ScanQuerySet

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator


def with_extras(scans: ScanQuerySet) -> ScanQuerySet:
    """Add to each scan its most telling thumbnail (`thumbnail_id`) and its latest review (`decision`)."""
    thumbnails = FaceFrame.objects.filter(face__scan=OuterRef("pk")).exclude(thumbnail="")
    reviews = Review.objects.filter(scan=OuterRef("pk"))
    return scans.annotate(
        thumbnail_id=Subquery(thumbnails.order_by("-fake_probability").values("pk")[:1]),
        decision=Subquery(reviews.values("decision")[:1]),
    )


def faces_of(scan: Scan) -> list[Face]:
    """The persons of a scan with their frames in order of time: two queries."""
    frames = Prefetch("frames", FaceFrame.objects.order_by("time_s"))
    return list(scan.faces.prefetch_related(frames))


class ScanPaginator(AnyPaginator):
    """Finds a page's scans by their keys first, and only then what `with_extras` shows beside them.

    A database computes what is selected also for the rows of all the pages before, which it then drops.
    """

    def page(self, number: int | str) -> Page[Any]:
        """As Django's, with one query more."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        last = min(first + self.per_page, self.count)
        keys = list(self.object_list.values_list("pk", flat=True)[first:last])  # type: ignore[attr-defined]
        found = Scan.objects.filter(pk__in=keys).select_related("video", "team")
        rows = with_extras(found).order_by(*self.object_list.query.order_by)  # type: ignore[attr-defined]
        return Page(rows, number, self)
