"""Scans over the API: order, list, look, cancel, delete, order again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from PIL import Image

from ml_app import services
from ml_app.detection import summary
from ml_app.models import FaceFrame, Review, Scan, Video
from tests.api.conftest import SCANS, problem, program, send
from tests.factories import ReviewFactory, ScanFactory, UserFactory
from tests.media import Clips, picture
from tests.services.conftest import findings

__all__ = ["findings"]


def test_a_file_becomes_a_scan_of_the_tokens_account(ours: Client, user: User, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    response = send(ours, path, frame_count=20)
    assert response.status_code == 202
    said = response.json()
    scan = Scan.objects.get()
    assert (said["id"], said["status"], said["findings"]) == (str(scan.pk), "queued", None)
    assert said["file"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (scan.owner, scan.frame_count, scan.video.uploaded_by) == (f"user:{user.pk}", 20, user)
    assert response["Location"] == f"{SCANS}/{scan.pk}"
    assert said["links"]["self"] == f"http://testserver{SCANS}/{scan.pk}"
    assert ours.get(said["links"]["self"]).json() == said
    assert not ours.cookies, "a program is given none"


def test_a_picture_is_a_scan_of_one_frame(ours: Client, tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "face.png"
    Image.fromarray(picture(0.0)).save(path)
    said = send(ours, path, frame_count=20).json()
    assert (said["file"]["kind"], said["frame_count"]) == ("picture", 1)
    services.cancel_scan(scan=Scan.objects.get())
    again = ours.generic("POST", said["links"]["rerun"]).json()
    assert (again["frame_count"], again["id"] != said["id"]) == (1, True)
    path.write_bytes(path.read_bytes()[:3000])
    problem(send(ours, path), 422, "damaged_picture")


def test_without_a_choice_the_sites_own_is_taken(ours: Client, clips: Clips, settings: Any) -> None:
    said = send(ours, clips("talk.mp4", seconds=1)).json()
    assert (said["frame_count"], said["detector"]) == (settings.DEFAULT_FRAME_COUNT, settings.DETECTOR)


def test_a_visitor_needs_no_account(nobody: Client, clips: Clips) -> None:
    said = send(nobody, clips("talk.mp4", seconds=1)).json()
    assert Scan.objects.get().owner == f"visitor:{nobody.session['visitor']}"
    assert nobody.get(said["links"]["self"]).status_code == 200
    assert [scan["id"] for scan in nobody.get(SCANS).json()["results"]] == [said["id"]]
    # With the cookie come its duties, and the means to fulfil them.
    problem(nobody.post(said["links"]["cancel"]), 403, "csrf_failed")
    headers = {"X-CSRFToken": nobody.cookies["csrftoken"].value}
    assert nobody.post(said["links"]["cancel"], headers=headers).json()["status"] == "cancelled"


def test_what_a_finished_scan_says_is_what_the_command_line_says(
    ours: Client, user: User, findings: Any
) -> None:
    scan = ScanFactory(
        video__owner=f"user:{user.pk}", video__duration_s=4.0, running=True, worker="me", frame_count=10
    )
    found = findings()
    assert services.save_findings(scan=scan, findings=found, worker="me")
    said = ours.get(f"{SCANS}/{scan.pk}").json()
    expected = summary.to_json(scan.video.original_name, scan.video.sha256, found)
    assert said["findings"] == expected
    assert list(said["findings"]) == list(expected), "in the same order, too"
    assert (said["status"], said["verdict"], said["evidence"]) == ("done", "fake", "strong")
    assert said["words"] == "Strong evidence of manipulation"


def test_a_failed_scan_says_why_in_the_askers_language(ours: Client, user: User) -> None:
    scan = ScanFactory(video__owner=f"user:{user.pk}", failed=True)
    said = ours.get(f"{SCANS}/{scan.pk}").json()
    assert (said["status"], said["findings"], said["error"]["code"]) == ("failed", None, "decoder_timeout")
    german = ours.get(f"{SCANS}/{scan.pk}", headers={"Accept-Language": "de"}).json()
    assert german["error"]["message"] not in ("", said["error"]["message"])


def test_a_running_scan_says_how_far_it_is(ours: Client, user: User) -> None:
    scan = ScanFactory(video__owner=f"user:{user.pk}", running=True)
    said = ours.get(f"{SCANS}/{scan.pk}").json()
    assert (said["status"], said["progress"]) == ("running", {"stage": "faces", "done": 12, "total": 40})


def test_cancelling(ours: Client, waiting: Scan) -> None:
    address = f"{SCANS}/{waiting.pk}/cancel"
    assert ours.post(address).json()["status"] == "cancelled"
    assert ours.post(address).json()["status"] == "cancelled", "it has ended, and stays so"


def test_deleting_a_scan_leaves_the_video(ours: Client, finished: Scan) -> None:
    assert ours.delete(f"{SCANS}/{finished.pk}").status_code == 204
    assert not Scan.objects.exists()
    assert not FaceFrame.objects.exists()
    assert Video.objects.get() == finished.video


def test_deleting_with_the_video(ours: Client, finished: Scan) -> None:
    problem(ours.delete(f"{SCANS}/{finished.pk}?video=maybe"), 422, "invalid")
    ScanFactory(video=finished.video, failed=True)
    assert ours.delete(f"{SCANS}/{finished.pk}?video=true").status_code == 204
    assert not Video.objects.exists()
    assert ours.get(SCANS).json()["results"] == []


def test_ordering_again(ours: Client, finished: Scan) -> None:
    address = f"{SCANS}/{finished.pk}/rerun"
    response = ours.post(address, {"frame_count": 20}, content_type="application/json")
    assert response.status_code == 202
    assert (response.json()["frame_count"], response.json()["status"]) == (20, "queued")
    same = ours.generic("POST", address)
    assert (same.status_code, same.json()["frame_count"]) == (202, finished.frame_count)
    bad = ours.post(address, {"frame_count": 7}, content_type="application/json")
    problem(bad, 422, "bad_frame_count")
    Video.objects.update(file="")
    problem(ours.post(address, {"frame_count": 60}, content_type="application/json"), 422, "media_purged")


def _ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [scan["id"] for scan in response.json()["results"]]


def test_the_list_comes_in_pages_that_stay_right_while_scans_come_in(ours: Client, user: User) -> None:
    now = timezone.now()
    rows = [
        ScanFactory(video__owner=f"user:{user.pk}", created_at=now - timedelta(minutes=number // 2))
        for number in range(7)
    ]  # pairs of the same age
    ScanFactory()
    found: list[str] = []
    address: str | None = f"{SCANS}?page_size=3"
    while address:
        page = ours.get(address)
        found += _ids(page)
        address = page.json()["next"]
        ScanFactory(video__owner=f"user:{user.pk}", created_at=timezone.now())
    assert sorted(found) == sorted(str(row.pk) for row in rows)
    back = page.json()["previous"]
    assert len(_ids(ours.get(back))) == 3
    problem(ours.get(f"{SCANS}?cursor=nonsense"), 422, "bad_cursor")
    problem(ours.get(f"{SCANS}?cursor=cD1ub25zZW5zZQ%3D%3D"), 422, "bad_cursor")


def test_filters(ours: Client, user: User, finished: Scan, waiting: Scan) -> None:
    done, queued = [str(finished.pk)], [str(waiting.pk)]
    assert _ids(ours.get(SCANS)) == [*queued, *done]
    for query, expected in {
        "status=done": done,
        "status=queued": queued,
        "verdict=fake": done,
        "verdict=real": [],
        "kind=video": [*queued, *done],
        "kind=picture": [],
        "name=SPEECH": done,
        f"sha256={finished.video.sha256}": done,
        "detector=standard&status=queued": queued,
        "detector=other": [],
        "since=2000-01-01&until=2000-12-31": [],
        "since=2000-01-01": [*queued, *done],
    }.items():
        assert _ids(ours.get(f"{SCANS}?{query}")) == expected, query


@pytest.mark.parametrize(
    "query",
    [
        "status=ready",
        "verdict=maybe",
        "kind=film",
        "since=yesterday",
        "sha256=x",
        "everyone=perhaps",
        "name=%00",
    ],
)
def test_a_wrong_filter_is_refused(ours: Client, query: str) -> None:
    found = problem(ours.get(f"{SCANS}?{query}"), 422, "invalid")
    assert list(found["errors"]) == [query.partition("=")[0]]


def test_staff_see_their_own_unless_they_ask_for_everybodys(
    staff: Client, ours: Client, finished: Scan
) -> None:
    assert _ids(staff.get(SCANS)) == []
    assert _ids(staff.get(f"{SCANS}?everyone=true")) == [str(finished.pk)]
    problem(ours.get(f"{SCANS}?everyone=true"), 403, "not_allowed")


def test_a_list_costs_the_same_however_long_it_is(
    ours: Client, user: User, django_assert_num_queries: Any
) -> None:
    def some(number: int) -> None:
        for _ in range(number):
            ReviewFactory(scan=ScanFactory(video__owner=f"user:{user.pk}", done=True))

    some(2)
    ours.get(SCANS)  # notes the use of the token
    with django_assert_num_queries(3):  # the token with its account, its teams, the scans
        assert len(_ids(ours.get(SCANS))) == 2
    some(10)
    with django_assert_num_queries(3):
        assert ours.get(SCANS).json()["results"][0]["review"] == "confirmed_fake"


def test_persons_frames_and_pictures_by_link(ours: Client, theirs: Client, finished: Scan) -> None:
    faces = ours.get(ours.get(f"{SCANS}/{finished.pk}").json()["links"]["faces"]).json()
    assert [(face["number"], len(face["frames"])) for face in faces] == [(1, 5), (2, 3)]
    assert ours.get(f"{SCANS}/{finished.pk}/faces/2").json() == faces[1]
    problem(ours.get(f"{SCANS}/{finished.pk}/faces/3"), 404, "not_found")
    frame = faces[0]["frames"][0]
    row = FaceFrame.objects.get(pk=frame["id"])
    thumbnail = ours.get(frame["thumbnail"])
    assert (thumbnail["Content-Type"], b"".join(thumbnail)) == ("image/jpeg", row.thumbnail.read())
    heatmap = ours.get(frame["heatmap"])
    assert (heatmap["Content-Type"], b"".join(heatmap)) == ("image/png", row.heatmap.read())
    assert faces[0]["frames"][4]["heatmap"] is None
    video = ours.get(f"{SCANS}/{finished.pk}/video", headers={"Range": "bytes=0-9"})
    assert (video.status_code, b"".join(video)) == (206, b"0123456789")
    for link in (frame["thumbnail"], frame["heatmap"], f"{SCANS}/{finished.pk}/video"):
        problem(theirs.get(link), 404, "not_found")


def test_reviews(ours: Client, staff: Client, finished: Scan, waiting: Scan) -> None:
    address = f"{SCANS}/{finished.pk}/reviews"
    decision = {"decision": "confirmed_genuine", "note": "The original is known."}
    problem(ours.post(address, decision, content_type="application/json"), 403, "not_allowed")
    added = staff.post(address, decision, content_type="application/json")
    assert added.status_code == 201
    assert Review.objects.get().decision == "confirmed_genuine"
    assert ours.get(address).json() == [added.json()]
    assert ours.get(f"{SCANS}/{finished.pk}").json()["review"] == "confirmed_genuine"
    problem(staff.post(address, {"decision": "fake"}, content_type="application/json"), 422, "bad_decision")
    early = staff.post(f"{SCANS}/{waiting.pk}/reviews", decision, content_type="application/json")
    problem(early, 409, "not_finished")


def test_staff_without_the_permission_do_not_review(finished: Scan) -> None:
    plain = program(UserFactory(is_staff=True))
    answer = plain.post(
        f"{SCANS}/{finished.pk}/reviews", {"decision": "cannot_tell"}, content_type="application/json"
    )
    problem(answer, 403, "not_allowed")


def test_detectors_with_their_figures(nobody: Client) -> None:
    found = nobody.get("/api/v1/detectors").json()
    assert [(one["name"], one["in_use"], one["available"]) for one in found] == [("standard", True, True)]
    assert found[0]["frame_counts"] == [20, 40]
    assert [head["frame_count"] for head in found[0]["checkpoints"]] == [20, 40]
    assert nobody.get("/api/v1/detectors/standard").json() == found[0]
    problem(nobody.get("/api/v1/detectors/..%2F.."), 404, "not_found")


def test_the_figures_that_ship_are_told(nobody: Client, settings: Any) -> None:
    settings.MODELS_DIR = Path(settings.BASE_DIR) / "models"
    heads = nobody.get("/api/v1/detectors/standard").json()["checkpoints"]
    auc = [figure for figure in heads[0]["figures"] if figure["key"] == "auc"]
    assert auc and auc[0]["low"] < auc[0]["value"] < auc[0]["high"] and auc[0]["n"]


def test_me(ours: Client, user: User, staff: Client, nobody: Client, owner: Client, settings: Any) -> None:
    said = ours.get("/api/v1/me").json()
    assert (said["kind"], said["username"], said["is_staff"]) == ("account", user.username, False)
    assert said["token"]["scope"] == "write"
    assert said["limits"]["max_upload_bytes"] == settings.MAX_UPLOAD_MB * 1024**2
    assert said["queue"] == {"name": "interactive", "waiting": 0, "full": False}
    assert staff.get("/api/v1/me").json()["is_staff"]
    assert owner.get("/api/v1/me").json()["kind"] == "visitor"
    assert nobody.get("/api/v1/me").json()["kind"] == "newcomer"
    assert "sessionid" not in nobody.cookies, "looking around makes nobody known"
