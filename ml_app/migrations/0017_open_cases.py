"""Cases for what was scanned before there was a queue for reviewers."""

from django.db import migrations, models

AT_ONCE = 1000
BANDS = {"uncertain": 200, "fake": 100}  # as `urgency_of` in services.reviewing had it then


def urgency(verdict, probability, threshold):
    if probability is None or threshold is None:
        return BANDS.get(verdict, 0)
    farthest = max(threshold, 1.0 - threshold)
    return BANDS.get(verdict, 0) + round(99 * (1.0 - abs(probability - threshold) / farthest))


def open_cases(apps, schema_editor):
    """A case for each scan that has ended; those that were reviewed are settled as the latest decision says."""
    Scan, Review, Case = (apps.get_model("ml_app", name) for name in ("Scan", "Review", "ReviewCase"))
    latest = Review.objects.filter(scan=models.OuterRef("pk")).order_by("-created_at", "-pk")
    found = Scan.objects.filter(status="done").annotate(
        decided=models.Subquery(latest.values("decision")[:1])
    )
    fields = ("pk", "verdict", "fake_probability", "threshold", "finished_at", "created_at", "decided")
    cases = []
    for pk, verdict, probability, threshold, finished, created, decided in found.values_list(
        *fields
    ).iterator(chunk_size=AT_ONCE):
        cases.append(
            Case(
                scan_id=pk,
                needs=0 if decided else 1,
                outcome=decided or "",
                urgency=urgency(verdict, probability, threshold),
                waiting_since=finished or created,
            )
        )
        if len(cases) == AT_ONCE:
            Case.objects.bulk_create(cases)
            cases = []
    Case.objects.bulk_create(cases)


class Migration(migrations.Migration):

    dependencies = [
        ("ml_app", "0016_review_desk"),
    ]

    operations = [migrations.RunPython(open_cases, migrations.RunPython.noop)]
