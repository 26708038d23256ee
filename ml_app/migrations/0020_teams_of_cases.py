"""The team of each case that was opened before cases knew theirs."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def name_teams(apps, schema_editor):
    scans = apps.get_model("ml_app", "Scan").objects.filter(pk=OuterRef("pk"))
    cases = apps.get_model("ml_app", "ReviewCase").objects.filter(scan__team__isnull=False)
    cases.update(team_id=Subquery(scans.values("team_id")[:1]))


class Migration(migrations.Migration):

    dependencies = [
        ("ml_app", "0019_cases_of_teams"),
    ]

    operations = [migrations.RunPython(name_teams, migrations.RunPython.noop)]
