"""Addresses of the application."""

from django.urls import URLPattern, URLResolver, path

from ml_app.web.views import (
    about,
    account,
    batches,
    busy,
    errors,
    invitations,
    language,
    links,
    media,
    models,
    own_data,
    phone,
    reports,
    scans,
    uploading,
    videos,
)

app_name = "ml_app"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", uploading.upload, name="upload"),
    path("links/", links.order, name="order_link"),
    path("batches/", batches.batches, name="batches"),
    path("batches/<uuid:batch_id>/", batches.batch, name="batch"),
    path("batches/<uuid:batch_id>/files/", batches.add, name="add_file"),
    path("batches/<uuid:batch_id>/pause/", batches.pause, name="pause_batch"),
    path("batches/<uuid:batch_id>/resume/", batches.resume, name="resume_batch"),
    path("batches/<uuid:batch_id>/cancel/", batches.cancel, name="cancel_batch"),
    path("batches/<uuid:batch_id>/rerun/", batches.rerun, name="rerun_batch"),
    path("batches/<uuid:batch_id>/delete/", batches.delete, name="delete_batch"),
    path("batches/<uuid:batch_id>/results.csv", batches.table, name="batch_csv"),
    path("batches/<uuid:batch_id>/results.json", batches.listing, name="batch_json"),
    path(
        "batches/<uuid:batch_id>/report.json", reports.batch_report, {"suffix": "json"}, name="batch_report"
    ),
    path(
        "batches/<uuid:batch_id>/report.pdf", reports.batch_report, {"suffix": "pdf"}, name="batch_report_pdf"
    ),
    path("about/", about.about, name="about"),
    path("models/", models.models, name="models"),
    path("language/", language.choose, name="language"),
    path("too-large/", errors.too_large, name="too_large"),
    path("queue/", busy.queue, name="queue"),
    path("accounts/", account.account, name="account"),
    path("accounts/data/", own_data.export, name="export_data"),
    path("accounts/delete/", own_data.delete, name="delete_account"),
    path("accounts/first/", account.first, name="first"),
    path("accounts/invitations/", invitations.listing, name="invitations"),
    path("accounts/invitations/<int:invitation_id>/withdraw/", invitations.withdraw, name="withdraw"),
    path("accounts/invitation/<str:secret>/", invitations.accept, name="invitation"),
    path("manifest.webmanifest", phone.manifest, name="manifest"),
    path("sw.js", phone.service_worker, name="service_worker"),
    path("offline/", phone.offline, name="offline"),
    path("share/", phone.share, name="share"),
    path("scans/", scans.history, name="history"),
    path("scans/<uuid:scan_id>/", scans.scan, name="scan"),
    path("scans/<uuid:scan_id>/progress/", scans.progress, name="progress"),
    path("scans/<uuid:scan_id>/cancel/", scans.cancel, name="cancel"),
    path("scans/<uuid:scan_id>/delete/", scans.delete, name="delete_scan"),
    path("scans/<uuid:scan_id>/report.json", reports.report, {"suffix": "json"}, name="report"),
    path("scans/<uuid:scan_id>/report.pdf", reports.report, {"suffix": "pdf"}, name="report_pdf"),
    path("reports/check/", reports.verify, name="verify_report"),
    path("scans/<uuid:scan_id>/video", media.video, name="scan_video"),
    path("scans/<uuid:scan_id>/frames/<int:frame_id>/thumbnail", media.thumbnail, name="thumbnail"),
    path("scans/<uuid:scan_id>/frames/<int:frame_id>/heatmap", media.heatmap, name="heatmap"),
    path("videos/<uuid:video_id>/", videos.video, name="video"),
    path("videos/<uuid:video_id>/scan/", videos.scan_again, name="scan_again"),
    path("videos/<uuid:video_id>/delete/", videos.delete, name="delete"),
]
