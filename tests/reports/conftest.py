"""The site of the pages' tests, with a finished scan."""

from tests.web.conftest import _site, done, owner, staff, standard_models, stranger

__all__ = ["_site", "done", "owner", "staff", "standard_models", "stranger"]
