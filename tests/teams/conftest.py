"""Owner, stranger and staff, as the pages' tests have them."""

from tests.web.conftest import _site, done, newcomer, owner, staff, standard_models, stranger

__all__ = ["_site", "done", "newcomer", "owner", "staff", "standard_models", "stranger"]
