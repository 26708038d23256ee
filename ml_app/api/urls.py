"""Addresses of the API, of its two aliases and of the tokens' page.

Those for programs have no slash at the end; with one, they lead to the same views.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from ml_app.api import aliases, batches, detectors, evidence, hooks, me, pages, pictures, reports, scans
from ml_app.api.base import ApiView
from ml_app.api.problems import not_found

app_name = "api"
V1 = "api/v1"
SCAN = f"{V1}/scans/<uuid:scan_id>"
BATCH = f"{V1}/batches/<uuid:batch_id>"
HOOK = f"{V1}/webhooks/<uuid:webhook_id>"


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    """Whatever else is asked for below /api/."""
    return not_found(request)


def _both(route: str, view: type[ApiView], name: str) -> list[URLPattern]:
    handler: Any = view.as_view()
    return [path(route, handler, name=name), path(f"{route}/", handler)]


urlpatterns = [
    *_both(f"{V1}/scans", scans.Scans, "scans"),
    *_both(SCAN, scans.OneScan, "scan"),
    *_both(f"{SCAN}/cancel", scans.Cancel, "cancel"),
    *_both(f"{SCAN}/rerun", scans.Rerun, "rerun"),
    *_both(f"{SCAN}/faces", evidence.Faces, "faces"),
    *_both(f"{SCAN}/faces/<int:number>", evidence.OneFace, "face"),
    *_both(f"{SCAN}/reviews", evidence.Reviews, "reviews"),
    *_both(f"{SCAN}/report", reports.Report, "report"),
    *_both(f"{SCAN}/video", pictures.TheVideo, "video"),
    *_both(f"{SCAN}/frames/<int:frame_id>/thumbnail", pictures.Thumbnail, "thumbnail"),
    *_both(f"{SCAN}/frames/<int:frame_id>/heatmap", pictures.Heatmap, "heatmap"),
    *_both(f"{V1}/batches", batches.Batches, "batches"),
    *_both(BATCH, batches.OneBatch, "batch"),
    *_both(f"{BATCH}/report", reports.BatchReport, "batch_report"),
    *_both(f"{BATCH}/files", batches.BatchFiles, "batch_files"),
    *_both(f"{BATCH}/pause", batches.PauseBatch, "pause_batch"),
    *_both(f"{BATCH}/resume", batches.ResumeBatch, "resume_batch"),
    *_both(f"{BATCH}/cancel", batches.CancelBatch, "cancel_batch"),
    *_both(f"{BATCH}/rerun", batches.RerunBatch, "rerun_batch"),
    *_both(f"{V1}/detectors", detectors.Detectors, "detectors"),
    *_both(f"{V1}/detectors/<str:name>", detectors.OneDetector, "detector"),
    *_both(f"{V1}/me", me.Me, "me"),
    *_both(f"{V1}/webhooks", hooks.Webhooks, "webhooks"),
    *_both(HOOK, hooks.OneWebhook, "webhook"),
    *_both(f"{HOOK}/deliveries", hooks.Deliveries, "deliveries"),
    *_both(f"{HOOK}/deliveries/<uuid:delivery_id>/replay", hooks.Replay, "replay"),
    *_both("upload", aliases.Alias, "upload"),
    *_both("detect", aliases.Alias, "detect"),
    path(f"{V1}/schema/", pages.schema, name="schema"),
    path(f"{V1}/docs/", pages.docs, name="docs"),
    path("tokens/", pages.tokens, name="tokens"),
    path("tokens/<int:token_id>/revoke/", pages.revoke, name="revoke_token"),
    re_path(r"^api(?:/|$)", nothing, name="nothing"),
]
