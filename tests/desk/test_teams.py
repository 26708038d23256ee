"""Operators make teams and put people into them."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from ml_app.models import Membership, Role, Team
from tests.factories import ScanFactory, UserFactory, give_to_team

pytestmark = pytest.mark.django_db
TEAMS = "/admin/ml_app/team/"


def test_a_team_is_made_with_its_administrator(staff: Client) -> None:
    assert staff.get(f"{TEAMS}add/").status_code == 200
    user = UserFactory()
    form = {
        "name": "Politics",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": user.pk,
        "memberships-0-role": "administrator",
    }
    assert staff.post(f"{TEAMS}add/", form).status_code == 302
    assert Membership.objects.get().role == Role.ADMINISTRATOR
    assert Team.objects.get().name == "Politics"
    assert "Politics" in staff.get(f"{TEAMS}?q={user.username}").content.decode()
    page = staff.get(f"{TEAMS}{Team.objects.get().pk}/change/").content.decode()
    (box,) = re.findall(r'<input type="checkbox" name="memberships-0-DELETE"[^>]*>', page)
    assert 'aria-label="Delete"' in box


def test_a_team_with_scans_cannot_be_deleted(staff: Client) -> None:
    scan = ScanFactory(done=True)
    give_to_team(scan)
    page = staff.post(f"{TEAMS}{scan.team_id}/delete/", {"post": "yes"}).content.decode()
    assert Team.objects.filter(pk=scan.team_id).exists()
    assert "Cannot delete team" in page
    assert str(scan.team) in staff.get(f"/admin/ml_app/scan/{scan.pk}/change/").content.decode()
