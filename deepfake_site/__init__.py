"""The site: settings, addresses, entry points. No domain code."""

from deepfake_site.celery import app as celery_app

__all__ = ["celery_app"]
