"""The audit log: a table that the database itself lets nobody change."""

from django.db import migrations, models

TABLE = "ml_app_auditentry"
WORDS = "the audit log is append-only"
SQLITE = {
    "auditentry_no_update": f"BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    "auditentry_no_delete": f"BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    # Also against INSERT OR REPLACE, which deletes without a word to the trigger above.
    "auditentry_next_number": (
        f"BEFORE INSERT ON {TABLE} "
        f"WHEN NEW.number IS NOT (SELECT COALESCE(MAX(number), 0) + 1 FROM {TABLE}) "
        f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    ),
}
POSTGRESQL = [
    f"""CREATE FUNCTION auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    f"""CREATE FUNCTION auditentry_next() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.number IS DISTINCT FROM (SELECT COALESCE(MAX(number), 0) + 1 FROM {TABLE}) THEN
        RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$""",
    f"CREATE TRIGGER auditentry_no_update BEFORE UPDATE ON {TABLE} FOR EACH ROW "
    "EXECUTE FUNCTION auditentry_refuse()",
    f"CREATE TRIGGER auditentry_no_delete BEFORE DELETE ON {TABLE} FOR EACH ROW "
    "EXECUTE FUNCTION auditentry_refuse()",
    f"CREATE TRIGGER auditentry_no_truncate BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT "
    "EXECUTE FUNCTION auditentry_refuse()",
    f"CREATE TRIGGER auditentry_next_number BEFORE INSERT ON {TABLE} FOR EACH ROW "
    "EXECUTE FUNCTION auditentry_next()",
]


def protect(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in POSTGRESQL:
            schema_editor.execute(statement)
    elif schema_editor.connection.vendor == "sqlite":
        for name, rest in SQLITE.items():
            schema_editor.execute(f"CREATE TRIGGER {name} {rest}")


def unprotect(apps, schema_editor):
    on = f" ON {TABLE}" if schema_editor.connection.vendor == "postgresql" else ""
    for name in SQLITE:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP TRIGGER IF EXISTS auditentry_no_truncate{on}")
        schema_editor.execute("DROP FUNCTION IF EXISTS auditentry_refuse()")
        schema_editor.execute("DROP FUNCTION IF EXISTS auditentry_next()")


def index(name, *fields):
    return migrations.AddIndex("auditentry", models.Index(fields=fields, name=name))


class Migration(migrations.Migration):

    dependencies = [
        ("ml_app", "0012_invitations"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("actor_kind", models.CharField(max_length=16, verbose_name="kind of actor")),
                ("actor_id", models.CharField(blank=True, max_length=64, verbose_name="actor")),
                ("actor_name", models.CharField(blank=True, max_length=150, verbose_name="name")),
                ("action", models.CharField(max_length=24, verbose_name="action")),
                ("object_kind", models.CharField(max_length=24, verbose_name="kind of object")),
                ("object_id", models.CharField(blank=True, max_length=64, verbose_name="object")),
                ("object_label", models.CharField(blank=True, max_length=255, verbose_name="label")),
                ("address", models.CharField(blank=True, max_length=45, verbose_name="address")),
                ("request_id", models.CharField(blank=True, max_length=64, verbose_name="request")),
                ("details", models.JSONField(default=dict, verbose_name="details")),
                ("previous_hash", models.CharField(max_length=64, verbose_name="hash of the entry before")),
                ("hash", models.CharField(max_length=64, unique=True, verbose_name="hash")),
            ],
            options={
                "db_table": TABLE,
                "default_permissions": ("view",),
                "verbose_name": "entry of the audit log",
                "verbose_name_plural": "audit log",
                "ordering": ["-number"],
            },
        ),
        index("audit_at", "at"),
        index("audit_action", "action", "-number"),
        index("audit_actor", "actor_id", "-number"),
        index("audit_name", "actor_name", "-number"),
        index("audit_object", "object_id", "-number"),
        index("audit_label", "object_label", "-number"),
        index("audit_address", "address", "-number"),
        index("audit_request", "request_id"),
        migrations.RunPython(protect, unprotect),
        # From here on no command of Django's changes or empties the table.
        migrations.AlterModelOptions(
            "auditentry",
            {
                "managed": False,
                "default_permissions": ("view",),
                "verbose_name": "entry of the audit log",
                "verbose_name_plural": "audit log",
                "ordering": ["-number"],
            },
        ),
    ]
