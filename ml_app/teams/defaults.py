"""How the scans of a team are ordered where nobody says otherwise."""

from __future__ import annotations

from django.conf import settings

from ml_app.models import Team
from ml_app.services import installed_detectors


def detector_for(team: Team | None) -> str:
    """The detector of a team's scans: the site's unless the team has chosen one that is still installed."""
    chosen = team.default_detector if team else ""
    return chosen if chosen in installed_detectors() else settings.DETECTOR


def frame_count_for(team: Team | None) -> int:
    """The number of frames that is proposed: the site's unless the team has one that is still offered."""
    chosen = team.default_frame_count if team else None
    return chosen if chosen in settings.FRAME_COUNTS else settings.DEFAULT_FRAME_COUNT
