"""The video of a finding, and the boxes that a script draws over it."""

import json
import re

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from ml_app.models import Scan
from ml_app.web.face_boxes import NARROWEST, WIDEST, boxes, window_of
from ml_app.web.listings import faces_of
from tests.factories import ScanFactory, add_face
from tests.web.conftest import OWNER


def test_the_page_carries_the_sampled_boxes_as_data(owner: Client, done: Scan) -> None:
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    found = re.search(r'<script id="boxes" type="application/json">(.*?)</script>', page)
    assert found
    data = json.loads(found[1])
    assert data == json.loads(json.dumps(boxes(done, faces_of(done))))
    assert (data["width"], data["height"]) == (1280, 720)
    assert [(person["name"], len(person["frames"])) for person in data["people"]] == [
        ("Person 1", 10),
        ("Person 2", 4),
    ]
    time, left, top, right, bottom, side, score = data["people"][0]["frames"][0]
    assert (time, left, top, right, bottom) == (0.4, 100, 80, 220, 200)
    assert side in ("above", "band", "below")
    assert score.endswith("%")
    # Data is no code: every script of the page is a file.
    assert all("src=" in tag or "application/json" in tag for tag in re.findall("<script[^>]*>", page))


@pytest.mark.parametrize(
    ("times", "window"),
    [
        ([], NARROWEST),
        ([1.0], NARROWEST),
        ([0, 0.04, 0.08], NARROWEST),
        ([0, 0.5, 1, 9], 0.25),
        ([0, 60], WIDEST),
    ],
)
def test_a_box_is_shown_about_its_moment_only(times: list[float], window: float) -> None:
    assert window_of(times) == window


def test_nothing_to_draw(done: Scan) -> None:
    assert boxes(done, []) is None
    done.video.width = None
    assert boxes(done, faces_of(done)) is None


def test_a_gif_is_a_picture(owner: Client, done: Scan) -> None:
    scan = ScanFactory(video__owner=OWNER, done=True)
    add_face(scan, frames=2)
    scan.video.file.save("wink.gif", ContentFile(b"GIF89a"))
    page = owner.get(f"/scans/{scan.pk}/").content.decode()
    assert f'<img class="moving" src="/scans/{scan.pk}/video"' in page
    assert "<video" not in page
    response = owner.get(f"/scans/{scan.pk}/video")
    assert response["Content-Type"] == "image/gif"
    assert response["Content-Disposition"].startswith("inline")
    assert response["X-Content-Type-Options"] == "nosniff"
