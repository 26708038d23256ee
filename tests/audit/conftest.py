"""Pages with a site's files, and sites with processes of their own, on both databases."""

from tests.jobs.conftest import migrated, new_database, new_site, random_models, site_of_each
from tests.web.conftest import _site, done, newcomer, owner, staff, standard_models, stranger

__all__ = [
    "_site",
    "done",
    "migrated",
    "new_database",
    "new_site",
    "newcomer",
    "owner",
    "random_models",
    "site_of_each",
    "staff",
    "standard_models",
    "stranger",
]
