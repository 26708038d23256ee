"""The site's own settings with one page more: an upload form that the tests can slow down."""

from deepfake_site.settings import *  # noqa: F403

ROOT_URLCONF = "tests.jobs.urls"
