"""Those who ask in the tables of who may do what, and what every table's rule is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Of what belongs to one person alone
WHO = ("owner", "staff", "another account", "another visitor", "newcomer")
# Of what was given to a team: its owner, who is an analyst there, then a teammate of each role, and somebody
# who administers another team
IN_TEAM = ("owner", "viewer", "analyst", "reviewer", "administrator", "other team")
Way = tuple[URLPattern | URLResolver, ...]


def same(status: int) -> tuple[int, ...]:
    return (status,) * len(WHO)


@dataclass(frozen=True)
class Rule:
    """What each method answers to each of `WHO`, and where it belongs to a team, to each of `IN_TEAM`.

    Where nothing is said of a team, its members get what any account gets.
    """

    GET: tuple[int, ...] = same(405)
    POST: tuple[int, ...] = same(405)
    DELETE: tuple[int, ...] = same(405)
    in_team: dict[str, tuple[int, ...]] = field(default_factory=dict)
    private: bool = False  # it belongs to somebody: to others it does not exist

    def of_team(self, method: str) -> tuple[int, ...]:
        account: int = getattr(self, method)[WHO.index("another account")]
        return self.in_team.get(method, (account,) * len(IN_TEAM))


def patterns(resolver: URLResolver | None = None, spaces: tuple[str, ...] = ()) -> Iterator[tuple[str, Way]]:
    """The name of each address, and the patterns that lead to it."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            for name, way in patterns(pattern, inner):
                yield name, (pattern, *way)
        else:
            yield ":".join([*spaces, pattern.name or str(pattern.pattern)]), (pattern,)


def arguments(way: Way) -> set[str]:
    names: set[str] = set()
    for part in way:
        found = part.pattern
        names |= set(found.converters if isinstance(found, RoutePattern) else found.regex.groupindex)  # type: ignore[union-attr]
    return names


@contextmanager
def undone() -> Iterator[None]:
    """What is changed within is as it was afterwards, so that each who asks finds the same."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
