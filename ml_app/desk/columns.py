"""What the review desk tells of a scan, in its list and in its particulars."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ml_app import services
from ml_app.models import Review, Scan
from ml_app.teams.leaving import LEFT
from ml_app.web import wording

FIELDSETS: Any = (
    (
        gettext_lazy("File"),
        {"fields": ("name", "file_sha256", "owner_words", "team", "created_at", "started_at", "finished_at")},
    ),
    (
        gettext_lazy("Finding"),
        {"fields": ("verdict", "evidence", "reason_words", "fake_probability", "threshold", "band")},
    ),
    (
        gettext_lazy("What was looked at"),
        {"fields": ("frame_count", "frames_analysed", "frames_with_faces", "notes_words")},
    ),
    (
        gettext_lazy("Detector"),
        {
            "fields": (
                "detector_name",
                "detector_version",
                "detector_architecture",
                "detector_frame_count",
                "detector_sha256",
                "device",
                "seconds_words",
            )
        },
    ),
    (
        gettext_lazy("Job"),
        {
            "fields": ("status", "stage", "attempts", "worker", "error_code", "error", "error_detail"),
            "classes": ("collapse",),
        },
    ),
)


NOTHING = "\u2013"


class DeskColumns:
    """Columns and fields that are not columns of the table."""

    @admin.display(description=gettext_lazy("face"))
    def picture(self, scan: Scan) -> SafeString | str:
        frame = getattr(scan, "thumbnail_id", None)
        if frame is None:
            return NOTHING
        url = reverse("ml_app:thumbnail", args=[scan.pk, frame])
        return format_html('<img src="{}" width="56" height="56" alt="{}" loading="lazy">', url, scan.video)

    @admin.display(description=gettext_lazy("name"), ordering="video__original_name")
    def name(self, scan: Scan) -> str:
        return scan.video.original_name

    @admin.display(description=gettext_lazy("error in words"))
    def error(self, scan: Scan) -> Promise | str:
        return services.scan_errors.get(scan.error_code, scan.error_code)

    @admin.display(description=gettext_lazy("SHA-256 of the file"))
    def file_sha256(self, scan: Scan) -> str:
        return scan.video.sha256

    @admin.display(description=gettext_lazy("owner"))
    def owner_words(self, scan: Scan) -> str:
        account = scan.video.uploaded_by
        if account is not None:
            return str(account)
        if scan.owner.startswith(LEFT):
            return _("an account that was deleted")
        # The rest of a visitor's token is nobody's business; this much tells two visitors apart.
        return _("a visitor (%(token)s…)") % {"token": scan.owner.partition(":")[2][:6]}

    @admin.display(description=gettext_lazy("verdict"), ordering="verdict")
    def verdict_words(self, scan: Scan) -> SafeString | str:
        if not scan.verdict:
            return str(scan.get_status_display())
        mark = render_to_string("ml_app/scan/_mark.html", {"verdict": scan.verdict})
        return format_html("<span>{} {}</span>", SafeString(mark), wording.headline(scan))

    @admin.display(description=gettext_lazy("probability"), ordering="fake_probability")
    def probability(self, scan: Scan) -> str:
        return NOTHING if scan.fake_probability is None else wording.percent(scan.fake_probability)

    @admin.display(description=gettext_lazy("review"))
    def reviewed(self, scan: Scan) -> str:
        decision = getattr(scan, "decision", None)
        return str(Review.Decision(decision).label) if decision else NOTHING

    @admin.display(description=gettext_lazy("frames"), ordering="frame_count")
    def frames(self, scan: Scan) -> int:
        return scan.frame_count

    @admin.display(description=gettext_lazy("reason"))
    def reason_words(self, scan: Scan) -> Promise | str:
        return wording.reason(scan.reason, scan.video) or NOTHING

    @admin.display(description=gettext_lazy("uncertain band"))
    def band(self, scan: Scan) -> str:
        low, high = scan.uncertain_low, scan.uncertain_high
        if low is None or high is None:
            return NOTHING
        return _("%(low)s to %(high)s") % {"low": low, "high": high}

    @admin.display(description=gettext_lazy("notes"))
    def notes_words(self, scan: Scan) -> str:
        return " ".join(str(wording.note(code)) for code in scan.notes) or NOTHING

    @admin.display(description=gettext_lazy("seconds"))
    def seconds_words(self, scan: Scan) -> SafeString | str:
        lines = [
            (words, f"{scan.seconds[key]:.2f}")
            for key, words in wording.SECONDS.items()
            if key in scan.seconds
        ]
        return format_html_join("", "{}: {} s<br>", lines) or NOTHING
