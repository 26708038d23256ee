"""Codes of what can go wrong, each with a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class ServiceError(Exception):
    """Something was refused. `code` is stable and machine-readable, `message` a sentence for people."""

    def __init__(self, code: str, message: str | Promise) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


# What may stand in Scan.error_code besides the codes of the detector, and in a ServiceError
_MESSAGES: dict[str, Promise] = {
    "internal_error": _(
        "The analysis failed for a reason that was not foreseen. Try it again; if it fails again, tell the "
        "administrator the number of the scan."
    ),
    "worker_lost": _(
        "The analysis was interrupted again and again, most likely because memory ran out. Try fewer frames "
        "or a smaller video."
    ),
    "detector_unavailable": _(
        "The detector's weights are missing or damaged. The administrator can check them on the Models page."
    ),
    "face_detector_crashed": _(
        "Looking for faces failed on this video. Try again; if it fails again, convert the video to MP4."
    ),
    "gpu_out_of_memory": _("The GPU has too little memory left. Try again, with fewer frames if that fails."),
    "media_purged": _("The video's file is no longer kept here. Upload it again to scan it again."),
    "bad_frame_count": _("Choose one of the offered numbers of frames."),
    "already_running": _("The site analyses the same video in the same way just now."),
    "scan_active": _("The video is being analysed just now. Wait for the end of its scans, or cancel them."),
    "not_finished": _("Only a finished scan can be reviewed."),
    "no_report": _("There is a report of a finished scan alone."),
    "pdf_busy": _("Another report is just being made. Ask again in a moment."),
    "pdf_unavailable": _(
        "This server lacks the Pango library, so it makes no PDF. Take the report as JSON, and ask the "
        "administrator to install libpango-1.0-0 and libpangoft2-1.0-0."
    ),
    "pdf_failed": _(
        "The PDF could not be made on this server. Take the report as JSON, which says the same."
    ),
    "bad_decision": _("Choose one of the offered decisions."),
    "bad_mark": _("Name a moment within the video, and a person that was found in it, or leave both out."),
    "no_clips": _("No video that is still kept was settled as genuine or manipulated. Review some first."),
    "no_reviewer": _("This account may not review scans. Choose one that may."),
    "too_large": _("The file is larger than allowed. Cut it to the part in question, or compress it."),
    "upload_interrupted": _("The upload was cut off. Try it again."),
    "disk_full": _("There is no room for the file on this server. Tell the administrator, or try it later."),
    "no_file": _("Choose a video first."),
    "queue_full": _(
        "Too many videos wait to be analysed just now, so no other is taken in. Try it again in some minutes."
    ),
    "too_many": _("You have ordered very many scans within a minute. Go on a little later."),
    "bad_team": _("You can give scans to your own teams alone, as an analyst or more. Choose another team."),
    "no_such_team": _("You belong to no team of this number."),
    "bad_detector": _("No detector of this name is installed here."),
    "ensemble_asked": _("An ensemble asks detectors of its own. Choose it as the detector, not besides."),
    "cut_differently": _(
        "These detectors cut faces out differently, so they cannot look together. Scan with each by itself."
    ),
    "bad_url": _("This address cannot be used. It begins with https:// or http:// and names a host."),
    "zip_broken": _("The zip file is damaged. Make it anew, or choose the folder itself."),
    "zip_empty": _("There is no file in the zip file."),
    "zip_bomb": _("Unpacked, this would become far larger than it says or should. It is not unpacked."),
    "zip_nested": _("This is a packed file within a packed one. Unpack it first."),
    "zip_link": _("This is no file but a link to another place. Pack the file itself."),
    "zip_encrypted": _("This file is locked with a password. Pack it without one."),
    "zip_method": _("This file is packed in a way that is not read here. Pack it as an ordinary zip file."),
    "bad_name": _("The name of this file leads out of the folder or has odd characters. Rename it."),
    "table_broken": _("This is neither a zip file nor a table of links. Save the table as CSV in UTF-8."),
    "table_empty": _("There is no link in the table."),
    "batch_too_many": _("These are more files than one batch may have. Make several batches of them."),
    "batch_not_over": _("A batch has a report once all its files have ended. Wait, or cancel the rest."),
    "batch_ended": _("This batch was cancelled. Run it again, or make a new one."),
    "links_not_enabled": _("This site takes files, not links. Send the file itself."),
    "link_needs_login": _(
        "The site gives this video to people who are logged in alone. Save the video and upload the file."
    ),
    "link_refused": _(
        "The site does not give the video to this server. Save it in your browser and upload the file."
    ),
    "link_not_found": _("There is nothing at this address. Check it; the video may have been deleted."),
    "link_server_error": _("The site of the link has an error of its own. Try it again later."),
    "link_unreachable": _(
        "The site of the link cannot be reached. Check the address, or try it again later."
    ),
    "link_timeout": _("The site took too long to give the video. Try it again later, or upload the file."),
    "link_slow": _("The video came too slowly. Try it again later, or upload the file."),
    "link_interrupted": _("The connection was lost before the whole video had come. Try it again."),
    "link_redirects": _("The link leads on and on, to no file. Give the address of the video itself."),
    "link_no_video": _(
        "No video was found on this page. Give the address of the video itself, or upload the file."
    ),
    "link_several": _("There are several videos on this page. Give the address of one of them."),
    "link_live": _("This is a live broadcast. Give the link once it has ended, or upload a recording."),
    "link_stream": _("The site sends the video in a way that cannot be fetched here. Upload the file."),
    "link_failed": _("Fetching the video failed. Try it again; if it fails again, upload the file."),
    "address_not_allowed": _("This address leads into a private network, which this site does not ask."),
    "too_many_webhooks": _("There are as many webhooks as an account may have. Delete one first."),
    "key_reused": _("This Idempotency-Key was used for another request. Take a new one for each."),
    "key_in_use": _("The request with this Idempotency-Key is still being worked on. Ask again in a moment."),
    "last_administrator": _("This is the last administrator. Make somebody else one first."),
    "last_team_administrator": _(
        "This is the last administrator of a team. Make another of its members an administrator first."
    ),
    "scan_timeout": _(
        "The analysis took longer than it may on this server. Try fewer frames or a smaller video."
    ),
}


class _ScanErrors(Mapping[str, "Promise | str"]):
    """All codes; those of the video reader are looked up when one is first asked for."""

    def __getitem__(self, code: str) -> Promise | str:
        return self._all()[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    @staticmethod
    def _all() -> Mapping[str, Promise | str]:
        from ml_app.detection.video.errors import MESSAGES  # noqa: PLC0415 - only failed scans need it

        return {**{code: _(text) for code, text in MESSAGES.items()}, **_MESSAGES}


scan_errors: Mapping[str, Promise | str] = _ScanErrors()


def refuse(code: str) -> ServiceError:
    """The error of one of the codes above."""
    return ServiceError(code, _MESSAGES[code])
