"""What the page, the API and the report say of where a file says that it comes from, beside the verdict."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from ml_app.detection.findings import Kind, VideoInfo
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.models import Scan
from ml_app.provenance.findings import Provenance, State, Trust
from ml_app.reports.pages import scan_page
from ml_app.reports.scan_report import report_of
from ml_app.services.scanning.provenance import provenance_of, trust_list
from tests.detection.conftest import CHANNELS, tiny_backbone
from tests.media import make_clip
from tests.provenance.signing import GENERATED, sign, signer, write


def page_of(client: Client, scan: Scan, found: Provenance | None) -> str:
    scan.provenance = found.to_json() if found else {}
    scan.save()
    return client.get(reverse("ml_app:scan", args=[scan.pk])).content.decode()


def test_the_page_tells_it_beside_the_verdict(owner: Client, done: Scan) -> None:
    page = page_of(owner, done, GENERATED)
    assert "Strong evidence of manipulation" in page
    section = re.sub("</?bdi>", "", page[page.index('class="provenance"') :])
    for words in (
        "say that a generator made it",
        "Camera &lt;7&gt;, Newsroom",
        "this site has no trust list",
        "created: made by a generator (a trained model) · Model 3",
        "x.unheard-of",
        "before.jpg",
        "Made with HeyGen · HeyGen",
        "Lavf62",
        "None of this has a part in the verdict",
    ):
        assert words in section


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Provenance(), "it proves nothing"),
        (Provenance(state=State.VALID, trust=Trust.TRUSTED, signer="X"), "is on this site&#x27;s trust list"),
        (
            Provenance(state=State.VALID, trust=Trust.UNTRUSTED, signer="X"),
            "is not on this site&#x27;s trust",
        ),
        (
            Provenance(state=State.INVALID, trust=Trust.TRUSTED, signer="X", problems=("a.mismatch",)),
            "were changed after the signature",
        ),
        (Provenance(state=State.UNREADABLE), "are damaged"),
        (Provenance(state=State.NOT_SUPPORTED), "are not looked for"),
    ],
)
def test_each_state_has_its_words(owner: Client, done: Scan, found: Provenance, words: str) -> None:
    assert words in page_of(owner, done, found)


def test_an_older_scan_says_nothing_of_it(owner: Client, done: Scan) -> None:
    assert 'class="provenance"' not in page_of(owner, done, None)
    assert owner.get(reverse("api:scan", args=[done.pk])).json()["findings"]["provenance"] is None


def test_api_and_report_tell_the_same(owner: Client, done: Scan) -> None:
    page_of(owner, done, GENERATED)
    told = json.loads(json.dumps(GENERATED.to_json()))
    assert owner.get(reverse("api:scan", args=[done.pk])).json()["findings"]["provenance"] == told
    done.refresh_from_db()
    report = report_of(done)
    assert json.loads(report)["report"]["findings"]["provenance"] == told
    html = scan_page(done, report)
    assert html.count("say that a generator made it") == 2  # on the first pages, and among the particulars


def test_a_worker_keeps_what_it_read(db: None, tmp_path: Path, settings: Any) -> None:
    path = write(tmp_path / "x.mp4", sign(make_clip(tmp_path / "c.mp4").read_bytes(), "video/mp4"))
    info = VideoInfo("mov", "h264", 64, 64, 1.0, 25.0, 25, 0, False, Kind.VIDEO)
    assert provenance_of(path, info).trust is Trust.NO_LIST
    settings.C2PA_TRUST_LIST = str(write(tmp_path / "list.pem", signer().root.encode()))
    assert provenance_of(path, info).trust is Trust.TRUSTED


def test_a_trust_list_that_cannot_be_read_is_named(settings: Any, tmp_path: Path) -> None:
    settings.C2PA_TRUST_LIST = str(tmp_path / "none.pem")
    assert trust_list() == ""
    (message,) = [found for found in run_checks() if found.id == "ml_app.E020"]
    assert "none.pem" in message.msg
    settings.C2PA_TRUST_LIST = str(write(tmp_path / "empty.pem", b"nothing"))
    assert "ml_app.E020" in {found.id for found in run_checks()}
    settings.C2PA_TRUST_LIST = str(write(tmp_path / "list.pem", signer().root.encode()))
    assert "ml_app.E020" not in {found.id for found in run_checks()}


@pytest.mark.usefixtures("one_connection")
def test_the_command_line_says_it(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
    path = write(tmp_path / "x.mp4", sign(make_clip(tmp_path / "c.mp4").read_bytes(), "video/mp4"))
    out = StringIO()
    call_command("analyze", str(path), "--frames", "20", "--json", "--save", stdout=out, stderr=StringIO())
    told = json.loads(out.getvalue())["provenance"]
    assert told["credentials"]["state"] == "valid"
    assert told["credentials"]["signer"] == "Camera 7"
    assert Scan.objects.get().provenance == told
    out = StringIO()
    call_command("analyze", str(path), "--frames", "20", stdout=out)
    assert "Content Credentials: valid, by Camera 7, Newsroom of this test, unverified" in out.getvalue()
