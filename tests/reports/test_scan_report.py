"""A scan's report: made on the page, by the API and on the command line; checked on each; reproduced."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from ml_app.detection.findings import Reason
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.management.commands.reproduce import differing, told_drawn
from ml_app.models import Review, Scan
from ml_app.reports import sealing
from ml_app.reports.keys import signing_key
from ml_app.reports.scan_report import report_of
from ml_app.services.scanning.recorded import findings_json, recorded_findings
from tests.detection.conftest import CHANNELS, tiny_backbone
from tests.factories import ScanFactory, UserFactory
from tests.media import Clips

pytestmark = pytest.mark.django_db


def test_it_says_what_was_found_and_by_what(done: Scan) -> None:
    reviewer = UserFactory.create(username="reviewer", is_staff=True)
    Review.objects.create(scan=done, decision="confirmed_fake", note="lips drift", reviewer=reviewer)
    again = ScanFactory.create(video=done.video, owner=done.owner, frame_count=20, done=True)
    checked = sealing.check(report_of(done))
    assert checked.is_unchanged
    report = checked.report
    assert report["findings"] == json.loads(json.dumps(findings_json(done)))
    assert report["file"]["sha256"] == done.video.sha256
    assert report["scan"]["checkpoint_sha256"] == done.detector_sha256
    (review,) = report["reviews"]
    assert (review["decision"], review["by"]) == ("confirmed_fake", "reviewer")
    assert [other["id"] for other in report["other_scans"]] == [str(again.pk)]
    assert len(report["limits"]) >= 3


def test_the_page_gives_it_and_another_page_checks_it(owner: Client, stranger: Client, done: Scan) -> None:
    page = owner.get(reverse("ml_app:scan", args=[done.pk])).content.decode()
    address = reverse("ml_app:report", args=[done.pk])
    assert address in page
    answer = owner.get(address)
    assert "attachment" in answer["Content-Disposition"]
    assert stranger.get(address).status_code == 404

    def verdict(content: bytes) -> tuple[int, str]:
        file = SimpleUploadedFile("report.json", content)
        given = stranger.post(reverse("ml_app:verify_report"), {"report": file})
        return given.status_code, given.content.decode()

    status, text = verdict(answer.content)
    assert status == 200
    assert "unchanged, and this site signed it" in text
    assert done.video.original_name in text
    number = str(done.fake_probability).encode()
    changed = answer.content.replace(number, b"0.01", 1)
    assert changed != answer.content
    assert "was changed after it was signed" in verdict(changed)[1]
    other = sealing.sealed(sealing.check(answer.content).report, sealing.key_from("another site"))
    assert "this site did not sign it" in verdict(other)[1]
    status, text = verdict(b"\x00 not json")
    assert status == 422
    assert "This is no report" in text


def test_the_about_page_shows_the_key(owner: Client) -> None:
    key = sealing.public_text(signing_key())
    assert sealing.fingerprint(key) in owner.get(reverse("ml_app:about")).content.decode()
    assert key in owner.get(reverse("ml_app:verify_report")).content.decode()


def test_an_unfinished_scan_has_none(owner: Client, done: Scan) -> None:
    waiting = ScanFactory.create(video__owner=done.owner)
    answer = owner.get(reverse("ml_app:report", args=[waiting.pk]))
    assert answer.status_code == 302
    answer = owner.get(reverse("api:report", args=[waiting.pk]))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_report")


def test_the_api_gives_the_same(owner: Client, done: Scan) -> None:
    content = owner.get(reverse("api:report", args=[done.pk])).content
    assert sealing.check(content).is_unchanged


def test_the_command_line_makes_and_checks_it(
    done: Scan, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    call_command("report", str(done.pk), json=file)
    out = StringIO()
    call_command("verify_report", file, stdout=out)
    assert str(done.pk) in out.getvalue()
    with pytest.raises(CommandError, match="There is no scan"):
        call_command("report", "not-a-number")

    def refused(*arguments: Any) -> str:
        errors = StringIO()
        with pytest.raises(SystemExit) as stopped:
            call_command("verify_report", *arguments, stderr=errors)
        assert stopped.value.code == 1
        return errors.getvalue()

    key = sealing.public_text(signing_key())
    settings.REPORT_KEY = "another site"
    assert "another key" in refused(file)
    call_command("verify_report", file, key=key, stdout=out)
    file.write_bytes(file.read_bytes().replace(b"speech.mp4", b"speech.mov"))
    assert "was changed" in refused(file, "--key", key)
    assert "cannot be read" in refused(tmp_path / "none.json")


def test_a_report_outlives_its_scan_and_a_change_of_language(done: Scan) -> None:
    with translation.override("de"):
        content = report_of(done)
    done.video.delete()
    assert sealing.check(content).is_unchanged


@pytest.mark.usefixtures("one_connection")
def test_a_scan_is_reproduced(
    clips: Clips, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
    clip = clips()
    call_command("analyze", str(clip), "--frames", "20", "--save", stdout=StringIO())
    scan = Scan.objects.get()
    file = tmp_path / "report.json"
    call_command("report", str(scan.pk), json=file)
    out = StringIO()
    call_command("reproduce", file, video=clip, stdout=out)
    assert out.getvalue().strip() == "equal"
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes() + b"\0")
    with pytest.raises(CommandError, match="not the file of the report"):
        call_command("reproduce", file, video=other)
    settings.MODELS_DIR = tmp_path
    with pytest.raises(CommandError, match="not installed here"):
        call_command("reproduce", file, video=clip)


def test_what_differs_is_told(done: Scan) -> None:
    then = sealing.check(report_of(done)).report["findings"]
    now = json.loads(json.dumps(then))
    assert list(differing(then, now, 1e-6)) == []
    now["faces"][0]["frames"][2]["fake_probability"] += 1e-3
    (line,) = differing(then, now, 1e-6)
    assert line.startswith("person 1: ")
    assert list(differing(then, now, 1e-2)) == []
    now["faces"].pop()
    assert "persons: 2 then, 1 now" in list(differing(then, now, 1e-2))


def test_whom_another_file_than_the_heads_refuses_is_told(done: Scan) -> None:
    then = sealing.check(report_of(done)).report["findings"]
    now = recorded_findings(done)
    assert not told_drawn(then, now)
    assert told_drawn({**then, "reason": "drawn_face"}, now)
    drawn = replace(now.faces[0], reason=Reason.DRAWN_FACE)
    assert told_drawn(then, replace(now, faces=(drawn, *now.faces[1:])))
