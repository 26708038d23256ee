"""Rows with what their pages show beside them, in a constant number of queries."""

from __future__ import annotations

from django.db.models import OuterRef, Prefetch, Subquery

from ml_app.models import Face, FaceFrame, Review, Scan
from ml_app.querysets import ScanQuerySet


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
