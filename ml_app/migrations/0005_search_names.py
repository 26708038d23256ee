"""Indexes for searching, on PostgreSQL: any part of a file's name, the beginning of a hash."""

import logging

from django.db import DatabaseError, migrations, transaction

logger = logging.getLogger(__name__)
INDEX = "video_name_trigrams"
PREFIXES = {  # what LIKE 'ab%' can use, whatever the database's locale
    "video_sha256_prefix": "ml_app_video (sha256 varchar_pattern_ops)",
    "scan_checkpoint_prefix": "ml_app_scan (detector_sha256 varchar_pattern_ops)",
}


def add(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, columns in PREFIXES.items():
        schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        logger.warning(
            "Searching by name stays slow where there are many scans: the extension pg_trgm cannot be made "
            "(%s). As the database's owner: CREATE EXTENSION pg_trgm; then docs/operations.md has the index.",
            error,
        )
        return
    schema_editor.execute(
        f"CREATE INDEX IF NOT EXISTS {INDEX} ON ml_app_video USING gin (UPPER(original_name) gin_trgm_ops)"
    )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in (INDEX, *PREFIXES):
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):

    dependencies = [
        ("ml_app", "0004_two_queues"),
    ]

    operations = [migrations.RunPython(add, remove)]
