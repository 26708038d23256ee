"""Where uploads and pictures are kept: a folder, or a bucket that workers on other hosts reach as well."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_FORM = "s3://KEY:SECRET@bucket/folder?endpoint=https://host:9000&region=name"


def storage_from(url: str) -> dict[str, Any]:
    """Django's storage for a MEDIA_STORAGE_URL; an empty one means the folder MEDIA_ROOT.

    Args:
        url: `s3://KEY:SECRET@bucket/folder?endpoint=https://host:9000&region=name`, of which only the bucket
            is needed: without a key, boto3 looks for credentials where it always does; without an endpoint it
            is Amazon's. KEY and SECRET are percent-encoded.

    Raises:
        ImproperlyConfigured: The address means nothing, or the packages are missing.
    """
    if not url:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    if parts.scheme != "s3" or not parts.hostname or not set(query) <= {"endpoint", "region"}:
        raise ImproperlyConfigured(f"MEDIA_STORAGE_URL must look like {_FORM}")
    if not (find_spec("storages") and find_spec("boto3")):
        raise ImproperlyConfigured(
            "MEDIA_STORAGE_URL is set, but packages are missing: .venv/bin/pip install -r requirements-s3.txt"
        )
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _options(parts, query)}


def _options(parts: Any, query: dict[str, list[str]]) -> dict[str, Any]:
    from botocore.config import Config  # noqa: PLC0415 - only where it is used

    endpoint = query.get("endpoint", [None])[0]
    bucket = parts.netloc.rpartition("@")[2]  # as it was written; `hostname` is in lower case
    return {
        "bucket_name": bucket,
        "location": parts.path.strip("/"),
        "access_key": unquote(parts.username) if parts.username else None,
        "secret_key": unquote(parts.password) if parts.password else None,
        "endpoint_url": endpoint,
        "region_name": query.get("region", [None])[0],
        "default_acl": None,  # as the bucket has it: private
        "file_overwrite": True,  # names are never used twice; asking first would cost a request each
        "client_config": Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"max_attempts": 3, "mode": "standard"},
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    }
