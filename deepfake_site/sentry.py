"""Errors to a Sentry server: optional, and told nothing about people."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured


def start(dsn: str, *, environment: str) -> None:
    """Send unforeseen errors there. Web server, worker and sweeper call this when the settings are read.

    Raises:
        ImproperlyConfigured: The package is not installed, or the address is none.
    """
    try:
        import sentry_sdk  # noqa: PLC0415 - not among the requirements
    except ImportError as error:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but the package is missing: .venv/bin/pip install sentry-sdk, or unset it."
        ) from error
    try:
        sentry_sdk.init(
            dsn=dsn,
            environment=environment,
            send_default_pii=False,  # no addresses, no cookies, no accounts
            max_request_body_size="never",
            include_local_variables=False,  # they hold owners' tokens and pixels
            traces_sample_rate=0.0,
        )
    except sentry_sdk.utils.BadDsn as error:
        raise ImproperlyConfigured(f"SENTRY_DSN is no address of a Sentry project: {error}") from error
