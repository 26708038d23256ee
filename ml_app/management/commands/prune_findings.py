"""`manage.py prune_findings`: delete old videos with all that was found out about them."""

from __future__ import annotations

from ml_app import services
from ml_app.management.prune_command import PruneCommand


class Command(PruneCommand):
    """Delete videos and findings that are older than FINDINGS_RETENTION_DAYS."""

    help = (
        "Delete videos with their scans, findings and files, if nothing was done with them for "
        "FINDINGS_RETENTION_DAYS (or --days). What somebody has reviewed stays, and so does what is being "
        "analysed. The sweeper does the same."
    )
    setting = "FINDINGS_RETENTION_DAYS"
    what = ("{} video with its findings", "{} videos with their findings")

    def prune(self, days: float | None) -> int:
        return services.prune_findings(days=days)
