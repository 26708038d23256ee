"""Reviews: what people decided about a scan, which scans wait for it, and whom they were given to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.scan import Scan
from ml_app.models.team import Team


class Review(models.Model):
    """A person's decision on a scan. Append-only: a change of mind is a new row."""

    class Decision(models.TextChoices):
        CONFIRMED_FAKE = "confirmed_fake", _("Confirmed fake")
        CONFIRMED_GENUINE = "confirmed_genuine", _("Confirmed genuine")
        CANNOT_TELL = "cannot_tell", _("Cannot tell")
        NOT_A_FACE_VIDEO = "not_a_face_video", _("Not a video of a face")

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="reviews", verbose_name=_("scan"))
    decision = models.CharField(_("decision"), max_length=20, choices=Decision.choices)
    note = models.TextField(_("note"), blank=True)
    at_s = models.FloatField(
        _("moment in the video, seconds"), null=True, blank=True, validators=[MinValueValidator(0.0)]
    )
    person = models.PositiveSmallIntegerField(_("number of the person"), null=True, blank=True)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("reviewer"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["scan", "-created_at"], name="review_newest_of_scan")]

    def __str__(self) -> str:
        return self.get_decision_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A review is append-only. Record a new one instead.")
        super().save(*args, **kwargs)


class ReviewCaseQuerySet(models.QuerySet["ReviewCase"]):
    """Cases."""

    def open(self) -> ReviewCaseQuerySet:
        """Those that wait for a decision."""
        return self.filter(needs__gt=0)

    def for_reviewer(self, reviewer_id: int) -> ReviewCaseQuerySet:
        """Those that wait for somebody else than whoever has decided on them already."""
        own = Exists(Review.objects.filter(scan=OuterRef("pk"), reviewer=reviewer_id))
        return self.open().filter(Q(needs=1) | ~own)

    def most_urgent_first(self) -> ReviewCaseQuerySet:
        """What is uncertain, then what was accused, then the rest; of each what waits longest."""
        return self.order_by("-urgency", "waiting_since", "pk")


class ReviewCase(models.Model):
    """Where a finished scan stands with its reviewers. Made when it ends, and changed with each decision."""

    DISAGREED_FROM = 3  # a third look is needed only where two disagree

    scan = models.OneToOneField(
        Scan, models.CASCADE, primary_key=True, related_name="case", verbose_name=_("scan")
    )
    team = models.ForeignKey(  # the scan's, which never changes; repeated here for the queues of teams
        Team, models.CASCADE, null=True, blank=True, related_name="cases", verbose_name=_("team")
    )
    needs = models.PositiveSmallIntegerField(
        _("look it waits for"), default=1, help_text=_("1: the first; 0: none, it is settled")
    )
    outcome = models.CharField(
        _("outcome"), max_length=20, choices=Review.Decision.choices, blank=True, help_text=_("once settled")
    )
    urgency = models.PositiveSmallIntegerField(_("urgency"))
    waiting_since = models.DateTimeField(_("waiting since"))
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="cases",
        verbose_name=_("assigned to"),
    )

    objects: ClassVar[ReviewCaseQuerySet] = ReviewCaseQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("case for review")
        verbose_name_plural = _("cases for review")
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["-urgency", "waiting_since", "scan"], name="case_urgent", condition=Q(needs__gt=0)
            ),
            models.Index(fields=["waiting_since", "scan"], name="case_oldest", condition=Q(needs__gt=0)),
            models.Index(
                fields=["team", "-urgency", "waiting_since", "scan"],
                name="case_urgent_in_team",
                condition=Q(needs__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return str(self.scan_id)

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.needs > 0

    @property
    def is_disputed(self) -> bool:
        """Whether those who looked disagree, so far."""
        return self.needs >= self.DISAGREED_FROM


class SavedFilter(models.Model):
    """A filter of the queue that somebody uses again and again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_filters")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=500, help_text=_("as in the address"))

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        default_permissions = ()
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_filter_of_a_name")]

    def __str__(self) -> str:
        return self.name
