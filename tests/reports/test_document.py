"""PDF reports: what they say, that they are what PDF/A-3a asks for, what is told of changed ones."""

from __future__ import annotations

import hashlib
import io
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pypdf import PdfReader
from weasyprint import HTML

from ml_app.errors import ServiceError
from ml_app.models import FaceFrame, Scan
from ml_app.reports import document, sealing
from ml_app.reports.batch_report import batch_report_of
from ml_app.reports.document import examine, pdf_of
from ml_app.reports.pages import pdf_report, scan_page
from ml_app.reports.scan_report import report_of
from tests.factories import PictureFactory, ReviewFactory, ScanFactory, add_face
from tests.project import catalogues
from tests.provenance.signing import GENERATED
from tests.web.test_access import batch_with

pytestmark = pytest.mark.django_db
PAGE = "<html lang=en><title>A page</title><p>One line</p>{}</html>"


def attached(content: bytes) -> dict[str, Any]:
    (found,) = PdfReader(io.BytesIO(content)).attachments["report.json"]
    whole: dict[str, Any] = json.loads(found)
    return whole


def small_pdf(report: bytes, more: str = "") -> bytes:
    """A real PDF with a report inside, made faster than a whole one."""
    return pdf_of(PAGE.format(more), report)


def test_the_page_gives_a_pdf_that_says_all(owner: Client, done: Scan) -> None:
    ReviewFactory(scan=done, note="lips drift")
    Scan.objects.filter(pk=done.pk).update(provenance=GENERATED.to_json())
    page = owner.get(reverse("ml_app:scan", args=[done.pk])).content.decode()
    address = reverse("ml_app:report_pdf", args=[done.pk])
    assert address in page
    answer = owner.get(address)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="report-{done.pk}.pdf"'

    examined = examine(answer.content)
    assert (examined.is_unchanged, examined.is_pdf_unchanged) == (True, True)
    assert examined.report["scan"]["id"] == str(done.pk)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]
    begins = next(number for number, text in enumerate(pages) if "Particulars" in text)
    assert begins in (1, 2)  # after two pages at most
    assert len(pages) <= begins + 3  # one page after the other is filled
    whole = "\n".join(pages)
    spaceless = re.sub(r"\s", "", whole)
    assert "Strong evidence of manipulation." in whole
    for digits in (done.video.sha256, done.detector_sha256, str(done.pk)):
        assert digits in spaceless
    for words in ("93 %", "Person 2", "Evidence over time", "How often this detector errs", "lips drift"):
        assert words in whole.replace("\u00a0", " ")
    assert "The scan was ordered" in whole
    assert "a visitor without an account" in whole
    assert_is_pdfa(answer.content)


def assert_is_pdfa(content: bytes) -> None:
    """What can be told of PDF/A-3a without veraPDF, which no registry has: see docs/reports.md."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert pdf.check_pdf_syntax() == []
        root = pdf.Root
        with pdf.open_metadata() as meta:
            assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("3", "A")
        (intent,) = root.OutputIntents
        assert intent.S == "/GTS_PDFA1"
        assert len(intent.DestOutputProfile.read_bytes()) > 1000
        assert root.MarkInfo.Marked
        assert str(root.Lang) == "en"
        assert "/StructTreeRoot" in root
        file, *again = root.AF  # WeasyPrint lists it by its name, and as an object once more
        assert {other.objgen for other in again} <= {file.objgen}
        assert file.AFRelationship == "/Source"
        assert file.EF.F.Subtype == "/application/json"
        assert "/ID" in pdf.trailer
        assert "/Encrypt" not in pdf.trailer
        fonts = [found for found in pdf.objects if isinstance(found, pikepdf.Dictionary)]
        described = [found for found in fonts if found.get("/Type") == "/FontDescriptor"]
        assert described
        assert all("/FontFile2" in font or "/FontFile3" in font for font in described)
        figures = [found for found in fonts if found.get("/S") == "/Figure"]
        assert figures
        assert all(str(figure.get("/Alt", "")) for figure in figures)
        active = {"/JavaScript", "/Launch", "/URI", "/SubmitForm", "/GoToR"}
        assert not [found for found in fonts if str(found.get("/S", "")) in active]


def test_it_speaks_the_readers_language_and_holds_every_script(owner: Client, done: Scan) -> None:
    picture = PictureFactory(owner=done.owner, original_name="شهادة 证词 गवाही.jpg")
    scan = ScanFactory(
        video=picture, done=True, verdict="uncertain", evidence="none", reason="near_threshold", frame_count=1
    )
    add_face(scan, frames=1)
    FaceFrame.objects.filter(face__scan=scan).update(thumbnail="scans/gone.jpg")  # lost, or just purged
    answer = owner.get(reverse("ml_app:report_pdf", args=[scan.pk]), headers={"Accept-Language": "de"})
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert "Bericht über eine Prüfung" in text
    assert "Editor 3" in text  # what the file says of itself
    assert "证词" in text
    assert attached(answer.content)["report"]["pictures"] != []  # its heatmap is still there
    assert attached(answer.content)["report"]["limits"][0].startswith("Only faces")


def test_no_letter_of_a_language_is_missing(done: Scan, caplog: pytest.LogCaptureFixture) -> None:
    """A report in Arabic, and below it what reports say in every language that has a catalogue."""
    report = report_of(done)
    with translation.override("ar"):
        page = scan_page(done, report)
    assert '<html lang="ar" dir="rtl">' in page
    drawn = [b64decode(found).decode() for found in re.findall(r"svg\+xml;base64,([^\"]+)", page)]
    texts = " ".join(text for drawing in drawn for text in re.findall(r">([^<]*)</text>", drawing))
    assert "%" in texts
    assert not re.search(r"[^\W\d_]", texts), "WeasyPrint sets the letters of a drawing one by one"
    words = ["شهادة بالعربية ١٢ \u2067العتبة\u2069", "गवाही क्षत्रज्ञ", "证词：可疑", "Œuvre ß ñ ã"]  # noqa: RUF001
    for language in catalogues.languages():
        words.append(" ".join(sorted({word for text in _of_reports(language) for word in text.split()})))
    more = "".join(f'<{tag} dir="auto">{escape(text)}</{tag}>' for text in words for tag in ("p", "h2", "h3"))
    assert _missing_letters(page.replace("</body>", f"{more}</body>"), caplog) == []
    assert len(_missing_letters(PAGE.format("\U000f0000"), caplog)) == 1  # no font has it


def _of_reports(language: str) -> Iterator[str]:
    """What a report may say in a language; the fonts are the same for everything."""
    for message in catalogues.read(language):
        if message.id and any("report" in path or "wording" in path for path, _line in message.locations):
            yield from message.string if isinstance(message.string, tuple) else (message.string,)


def _missing_letters(page: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What WeasyPrint says of letters that no installed font has, of which a PDF shows empty boxes."""
    caplog.clear()
    with caplog.at_level("WARNING", logger="weasyprint"):
        HTML(string=page).write_pdf()
    return [record.message for record in caplog.records if ".notdef" in record.message]


def test_a_changed_pdf_is_found_out(stranger: Client, done: Scan, tmp_path: Path) -> None:
    content = small_pdf(report_of(done))

    def verdict(given: bytes) -> str:
        file = SimpleUploadedFile("report.pdf", given)
        return stranger.post(reverse("ml_app:verify_report"), {"report": file}).content.decode()

    assert "unchanged, and this site signed it" in verdict(content)
    with pikepdf.open(io.BytesIO(content)) as pdf:  # another page in front, the attachment left alone
        pdf.add_blank_page()
        buffer = io.BytesIO()
        pdf.save(buffer)
    assert "the PDF itself is not as it was made" in verdict(buffer.getvalue())
    file = tmp_path / "report.pdf"
    file.write_bytes(buffer.getvalue())
    errors = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_report", file, stderr=errors)
    assert "Do not rely on its pages" in errors.getvalue()

    changed = report_of(done).replace(b"speech.mp4", b"speech.mov")
    assert "was changed after it was signed" in verdict(small_pdf(changed))
    other = sealing.sealed(sealing.check(report_of(done)).report, sealing.key_from("another site"))
    examined = examine(small_pdf(other))  # the seal of the pages must be of the same key
    assert (examined.is_unchanged, examined.is_pdf_unchanged) == (True, False)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"%PDF-1.7 and nothing more", "cannot be read|no report.json"),
        (b"%PDF-1.7\n" + b"1 0 obj <</A " * 5000, "cannot be read|no report.json"),
        (b"%PDF-" + b" " * sealing.MOST_BYTES, "at most"),
    ],
)
def test_what_is_no_report_is_said(content: bytes, why: str) -> None:
    with pytest.raises(sealing.NoReport, match=why):
        examine(content)


def test_a_pdf_with_nothing_attached_is_no_report() -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    buffer = io.BytesIO()
    pdf.save(buffer)
    with pytest.raises(sealing.NoReport, match=r"no report\.json attached"):
        examine(buffer.getvalue())


def test_nothing_outside_the_page_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret of the server")
    more = (
        f'<link rel="attachment" href="{secret.as_uri()}"><a rel="attachment" href="{secret.as_uri()}">x</a>'
    )
    content = pdf_of(PAGE.format(more), b"{}")
    found = PdfReader(io.BytesIO(content)).attachments
    assert list(found) == ["report.json"]


def test_without_pango_it_says_what_is_missing(
    owner: Client, done: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libpango-1.0.so.0").write_bytes(b"")  # found first, and no library
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(ServiceError) as refused:
        pdf_of(PAGE, b"{}")
    assert refused.value.code == "pdf_unavailable"
    answer = owner.get(reverse("ml_app:report_pdf", args=[done.pk]), follow=True)
    assert "lacks the Pango library" in answer.content.decode()
    problem = owner.get(reverse("api:report", args=[done.pk]), {"format": "pdf"})
    assert (problem.status_code, problem.json()["code"]) == (503, "pdf_unavailable")
    assert owner.get(reverse("ml_app:report", args=[done.pk])).status_code == 200


def test_one_is_made_at_a_time(owner: Client, done: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "PATIENCE_SECONDS", 0.01)
    with document._turn:
        problem = owner.get(reverse("api:report", args=[done.pk]), {"format": "pdf"})
    assert (problem.status_code, problem.json()["code"]) == (503, "pdf_busy")
    assert int(problem["Retry-After"]) > 0


def test_more_than_the_process_may_have_ends_it_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "WALL_SECONDS", 0.05)
    with pytest.raises(ServiceError) as refused:
        pdf_of(PAGE, b"{}")
    assert refused.value.code == "pdf_failed"


def test_the_command_line_writes_both_of_one_moment(done: Scan, tmp_path: Path) -> None:
    paths = {"pdf": tmp_path / "r.pdf", "json": tmp_path / "r.json"}
    call_command("report", str(done.pk), **paths, stdout=StringIO())
    assert attached(paths["pdf"].read_bytes()) == json.loads(paths["json"].read_bytes())
    out = StringIO()
    call_command("verify_report", paths["pdf"], stdout=out)
    assert f"unchanged: scan {done.pk}" in out.getvalue()


def test_a_batch_has_one_under_one_signature(
    owner: Client, stranger: Client, done: Scan, tmp_path: Path
) -> None:
    batch = batch_with(done)
    assert (
        reverse("ml_app:batch_report_pdf", args=[batch.pk])
        in owner.get(reverse("ml_app:batch", args=[batch.pk])).content.decode()
    )
    content = owner.get(reverse("api:batch_report", args=[batch.pk])).content
    checked = sealing.check(content)
    assert (checked.is_unchanged, checked.is_batch) == (True, True)
    (file,) = checked.report["files"]
    assert (file["sha256"], file["verdict"]) == (done.video.sha256, "fake")
    assert [person["id"] for person in file["scan"]["persons"]] == [1, 2]

    answer = owner.get(reverse("api:batch_report", args=[batch.pk]), {"format": "pdf"})
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert done.video.sha256 in re.sub(r"\s", "", text)
    page = stranger.post(
        reverse("ml_app:verify_report"), {"report": SimpleUploadedFile("b.pdf", answer.content)}
    ).content.decode()
    assert "unchanged, and this site signed it" in page
    assert batch.name in page
    out, path = StringIO(), tmp_path / "b.json"
    call_command("report", str(batch.pk), json=path, stdout=out)
    call_command("verify_report", path, stdout=out)
    assert f"unchanged: batch {batch.pk}" in out.getvalue()


def test_a_batch_that_goes_on_has_none(owner: Client, done: Scan) -> None:
    batch = batch_with(done)
    batch.items.create(number=2, name="waits.mp4")
    with pytest.raises(ServiceError, match="once all its files have ended"):
        batch_report_of(batch)
    answer = owner.get(reverse("ml_app:batch_report", args=[batch.pk]), follow=True)
    assert "once all its files have ended" in answer.content.decode()
    problem = owner.get(reverse("api:batch_report", args=[batch.pk]))
    assert (problem.status_code, problem.json()["code"]) == (409, "batch_not_over")
    wrong = owner.get(reverse("api:batch_report", args=[batch.pk]), {"format": "docx"})
    assert wrong.status_code == 422
    assert "format" in wrong.json()["errors"]


def test_pictures_are_in_the_report_by_their_hash(done: Scan) -> None:
    told = sealing.check(report_of(done)).report["pictures"]
    frame = FaceFrame.objects.filter(face__scan=done, face__number=1).order_by("time_s").first()
    assert frame is not None
    with frame.thumbnail.open("rb") as file:
        assert told[0]["thumbnail_sha256"] == hashlib.sha256(file.read()).hexdigest()
    assert len(told) == 14


def test_pdf_report_needs_a_finished_scan() -> None:
    with pytest.raises(ServiceError) as refused:
        pdf_report(ScanFactory())
    assert refused.value.code == "no_report"
