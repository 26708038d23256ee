"""Every page in both colour schemes: axe-core finds nothing serious, and nothing sticks out on a phone.

`SCREENSHOTS=folder pytest tests/browser/test_accessibility.py` keeps a picture of each page as well, at 1280
and at 360 pixels.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ml_app.models import Batch, BatchItem, Origin
from tests.browser.test_upload_to_verdict import fits
from tests.factories import (
    MembershipFactory,
    PictureFactory,
    ReviewFactory,
    ScanFactory,
    UserFactory,
    VideoFactory,
    add_face,
)
from tests.media import Clips, picture
from tests.provenance.signing import GENERATED
from tests.web.conftest import OWNER, TOKEN, standard_models, visitor

__all__ = ["standard_models"]
pytestmark = pytest.mark.browser

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe-core" / "axe.min.js"
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module", autouse=True)
def _queries_beside_playwright() -> Iterator[None]:
    """Playwright runs a loop in this thread, within which Django would not query the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(autouse=True)
def _site(settings: Any, tmp_path: Path, standard_models: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MODELS_DIR = standard_models
    settings.DETECTOR = "standard"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def pages(transactional_db: None, clips: Clips) -> tuple[dict[str, str], AbstractBaseUser]:
    """Addresses of every page with something to show, by name; and an account that sees the desk."""
    clip = clips("talk.mp4", seconds=2, people=2, size=(480, 270), fps=10)
    video = VideoFactory(owner=OWNER, original_name="speech.mp4", width=480, height=270, duration_s=2.0)
    video.file.save("speech.mp4", ContentFile(clip.read_bytes()))
    done = ScanFactory(
        video=video, done=True, notes=["fewer_frames_than_requested"], provenance=GENERATED.to_json()
    )
    add_face(done, number=1, level=0.9, frames=12)
    add_face(done, number=2, level=0.2, frames=12)
    ReviewFactory(scan=done)
    gif = VideoFactory(owner=OWNER, original_name="wink.gif")
    gif.file.save("wink.gif", ContentFile(b"GIF89a"))
    genuine = ScanFactory(video=gif, done=True, verdict="real", evidence="weak", fake_probability=0.2)
    add_face(genuine, level=0.2, frames=3)
    still = PictureFactory(owner=OWNER, original_name="portrait.jpg", width=480, height=270)
    shown = io.BytesIO()
    Image.fromarray(picture(0.0, (480, 270), people=2)).save(shown, "JPEG")
    still.file.save("portrait.jpg", ContentFile(shown.getvalue()))
    portrait = ScanFactory(video=still, done=True, frame_count=1, notes=[])
    add_face(portrait, number=1, level=0.9, frames=1)
    add_face(portrait, number=2, level=0.2, frames=1)
    purged = ScanFactory(
        video__owner=OWNER, done=True, verdict="not_analysable", reason="no_face", fake_probability=None
    )
    type(purged.video).objects.filter(pk=purged.video.pk).update(file="")
    running = ScanFactory(video__owner=OWNER, running=True)
    failed = ScanFactory(video__owner=OWNER, failed=True)
    cancelled = ScanFactory(video__owner=OWNER, cancelled=True)
    batch = Batch.objects.create(
        owner=OWNER, name="Recordings of Monday.zip", frame_count=40, detector_name="standard"
    )
    told = (("speech.mp4", done, ""), ("wink.gif", genuine, ""), ("inner.zip", None, "zip_nested"))
    for number, (name, scan, code) in enumerate((*told, ("later.mp4", None, "")), 1):
        ordered = scan.created_at if scan else None
        BatchItem.objects.create(
            batch=batch, number=number, name=name, scan=scan, error_code=code, ordered_at=ordered
        )
    awaited = ScanFactory(video__owner=OWNER, video__sha256="", video__file=None, queue="link", running=True)
    Origin.objects.create(video=awaited.video, url="https://video.example/watch?v=1")
    Origin.objects.create(
        video=video, url="https://video.example/watch?v=2", title="A talk", uploader="Jane Doe"
    )
    account = UserFactory(is_staff=True, is_superuser=True)
    team = MembershipFactory(user=account, team__name="Politics and investigations").team
    given = ScanFactory(video__team=team, team=team, done=True)
    addresses = {
        "upload": "/",
        "desk-upload-team": f"/?team={team.pk}",
        "desk-batches-team": f"/batches/?team={team.pk}",
        "desk-history-team": f"/scans/?whose={team.pk}",
        "desk-history-nothing": f"/scans/?whose={team.pk}&name=nowhere",
        "desk-scan-team": f"/scans/{given.pk}/",
        "desk-team": f"/admin/ml_app/team/{team.pk}/change/",
        "batches": "/batches/",
        "batch": f"/batches/{batch.pk}/",
        "scan-fetching": f"/scans/{awaited.pk}/",
        "history": "/scans/",
        "history-filtered": "/scans/?name=speech&verdict=fake&since=nonsense",
        "about": "/about/",
        "models": "/models/",
        "too-large": "/too-large/",
        "not-found": f"/scans/{uuid.uuid4()}/",
        "scan": f"/scans/{done.pk}/",
        "scan-picture": f"/scans/{portrait.pk}/",
        "desk-picture": f"/admin/ml_app/scan/{portrait.pk}/change/",
        "offline": "/offline/",
        "login": "/accounts/login/",
        "signup": "/accounts/signup/",
        "password-reset": "/accounts/password/reset/",
        "password-reset-sent": "/accounts/password/reset/done/",
        "confirmation-sent": "/accounts/confirm-email/",
        "confirmation-unknown": "/accounts/confirm-email/x/",
        "invitation-used": f"/accounts/invitation/{'x' * 43}/",
        "sso-error": "/accounts/3rdparty/login/error/",
        "desk-account": "/accounts/",
        "desk-email": "/accounts/email/",
        "desk-password": "/accounts/password/change/",
        "desk-second-factors": "/accounts/2fa/",
        "desk-keys": "/accounts/2fa/webauthn/",
        "desk-sessions": "/accounts/sessions/",
        "desk-connections": "/accounts/3rdparty/",
        "desk-sign-out": "/accounts/logout/",
        "desk-reauthenticate": "/accounts/reauthenticate/",
        "desk-invitations": "/accounts/invitations/",
        "desk-audit": "/audit/",
        "desk-second-factor-list": "/admin/mfa/authenticator/",
        "scan-gif": f"/scans/{genuine.pk}/",
        "scan-purged": f"/scans/{purged.pk}/",
        "scan-running": f"/scans/{running.pk}/",
        "scan-failed": f"/scans/{failed.pk}/",
        "scan-cancelled": f"/scans/{cancelled.pk}/",
        "video": f"/videos/{video.pk}/",
        "delete": f"/videos/{video.pk}/delete/",
        "delete-scan": f"/scans/{done.pk}/delete/",
        "desk": "/admin/ml_app/scan/",
        "desk-scan": f"/admin/ml_app/scan/{done.pk}/change/",
    }
    return addresses, account


def look(browser: Browser, address: str, client: Client, scheme: Scheme, locale: str = "en") -> Page:
    """A page of a browser that is whoever the client is."""
    # The policy of the site lets no script in from outside, so it is set aside for axe-core.
    context = browser.new_context(base_url=address, color_scheme=scheme, locale=locale, bypass_csp=True)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    return context.new_page()


def serious(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical, with where it is."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def examine(page: Page, name: str, scheme: Scheme) -> list[str]:
    """What is wrong with a page, on a desk and on a phone."""
    complaints = []
    for width, height in ((1280, 800), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        complaints += [f"{name} at {width} {line}" for line in serious(page)]
        if not fits(page):
            complaints.append(f"{name} is wider than {width} pixels")
        keep(page, f"{name}-{width}-{scheme}")
    return complaints


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Iterator[Scheme]:
    yield request.param


def test_every_page(
    browser: Browser,
    live_server: Any,
    pages: tuple[dict[str, str], AbstractBaseUser],
    scheme: Scheme,
) -> None:
    addresses, account = pages
    owner, staff = visitor(TOKEN), Client()
    staff.force_login(account)  # type: ignore[arg-type]
    complaints = []
    for client in (owner, staff):
        page = look(browser, live_server.url, client, scheme)
        for name, url in addresses.items():
            if name.startswith("desk") is not (client is staff):
                continue
            page.goto(url)
            complaints += examine(page, name, scheme)
        page.context.close()
    assert not complaints, "\n".join(complaints)


def test_pages_that_something_leads_to(
    browser: Browser,
    live_server: Any,
    pages: tuple[dict[str, str], AbstractBaseUser],
    settings: Any,
    scheme: Scheme,
) -> None:
    settings.ROOT_URLCONF = "tests.browser.urls"
    settings.AXES_FAILURE_LIMIT = 2
    addresses, account = pages
    staff = Client()
    staff.force_login(account)  # type: ignore[arg-type]
    page = look(browser, live_server.url, staff, scheme)
    page.goto("/broken/")
    complaints = examine(page, "server-error", scheme)
    page.goto(addresses["desk"] + "?q=speech")
    complaints += examine(page, "desk-search", scheme)
    page.goto("/")
    page.get_by_text("Record with the camera").click()
    complaints += examine(page, "upload-camera", scheme)
    page.goto(addresses["desk"] + "?q=nothing-like-it")
    complaints += examine(page, "desk-empty", scheme)
    page.goto(addresses["desk"])
    page.locator("#result_list .action-select").first.check()
    page.get_by_label("Action:").select_option("purge")
    page.locator(".actions button[name=index]").click()
    expect(page.get_by_role("button", name="Purge media")).to_be_visible()
    complaints += examine(page, "purge", scheme)
    page.context.clear_cookies()
    page.goto("/scans/")
    complaints += examine(page, "history-empty", scheme)
    complaints += _login(page, scheme)
    page.context.close()
    assert not complaints, "\n".join(complaints)


def _login(page: Page, scheme: Scheme) -> list[str]:
    """The form, a wrong password, a form without its cookie, and the address locked out."""
    complaints = []
    page.goto("/admin/")
    complaints += examine(page, "login", scheme)

    def send() -> None:
        page.locator("#id_login").fill("somebody")
        page.locator("#id_password").fill("wrong")
        page.get_by_role("button", name="Sign in", exact=True).click()

    send()
    expect(page.locator(".error")).to_be_visible()
    complaints += examine(page, "login-wrong", scheme)
    page.context.clear_cookies(name="csrftoken")
    send()
    expect(page.locator(".eyebrow")).to_have_text("403")
    complaints += examine(page, "expired-form", scheme)
    page.goto("/admin/")
    send()
    expect(page.locator(".eyebrow")).to_have_text("429")
    return complaints + examine(page, "locked-out", scheme)


def test_german_fits_on_a_phone(
    browser: Browser, live_server: Any, pages: tuple[dict[str, str], AbstractBaseUser]
) -> None:
    owner = visitor(TOKEN)
    page = look(browser, live_server.url, owner, "light", locale="de-DE")
    page.set_viewport_size({"width": 360, "height": 740})
    for name in (
        "login",
        "password-reset",
        "upload",
        "history",
        "about",
        "models",
        "scan",
        "scan-running",
        "scan-failed",
        "delete",
    ):
        page.goto(pages[0][name])
        assert page.locator("html").get_attribute("lang") == "de"
        assert fits(page), f"{name} is wider than a phone in German"
        keep(page, f"{name}-360-german")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.endswith(pages[0]["delete"])
    page.context.close()
