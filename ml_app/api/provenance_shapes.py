"""Where a file says that it comes from, as the API tells it."""

from __future__ import annotations

from rest_framework import serializers

from ml_app.provenance.findings import State, Trust


class ActionShape(serializers.Serializer[object]):
    """Something that a tool says it did to the file."""

    action = serializers.CharField(help_text="such as c2pa.created")
    tool = serializers.CharField(allow_blank=True)
    when = serializers.CharField(allow_blank=True)
    source_type = serializers.CharField(
        allow_blank=True, help_text="of the IPTC's list, such as trainedAlgorithmicMedia"
    )


class CredentialsShape(serializers.Serializer[object]):
    """Content Credentials (C2PA): signed words, of whoever signed."""

    state = serializers.ChoiceField(choices=[state.value for state in State])
    trust = serializers.ChoiceField(
        choices=[trust.value for trust in Trust], allow_null=True, help_text="null: there is no signature"
    )
    signer = serializers.CharField(allow_null=True)
    organisation = serializers.CharField(allow_null=True)
    algorithm = serializers.CharField(allow_null=True)
    signed_at = serializers.CharField(allow_null=True, help_text="null: no third party stamped the time")
    tools = serializers.ListField(child=serializers.CharField())
    actions = ActionShape(many=True)
    ingredients = serializers.ListField(child=serializers.CharField())
    says_generated = serializers.BooleanField()
    problems = serializers.ListField(
        child=serializers.CharField(),
        help_text="codes of C2PA, such as assertion.dataHash.mismatch",
    )


class MarkShape(serializers.Serializer[object]):
    """Words in a file's metadata that name a generator, or say that one made it."""

    where = serializers.CharField()
    text = serializers.CharField()
    generator = serializers.CharField(allow_blank=True)


class ProvenanceShape(serializers.Serializer[object]):
    """Where the file says that it comes from. It has no part in the verdict."""

    credentials = CredentialsShape()
    metadata = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2),
        help_text="a video's own words, by name",
    )
    marks = MarkShape(many=True)
