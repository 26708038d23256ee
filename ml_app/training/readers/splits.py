"""Splits: which files may be learned from, which are for choosing, and which for the last figure.

Where a set brings no split, each group of files that share a person, a source or a pair is dealt out by the
hash of its name. So the split is always the same, and more files never move a group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

SPLITS = ("train", "dev", "test")
DEV_SHARE, TEST_SHARE = 0.15, 0.15


def split_of(group: str, *, test_share: float = TEST_SHARE) -> str:
    """The split of a group: about 15 % dev, `test_share` test, the rest train."""
    digest = hashlib.sha256(f"split of {group}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < DEV_SHARE:
        return "dev"
    return "test" if place < DEV_SHARE + test_share else "train"


def joined(items: Sequence[Iterable[str]]) -> list[str]:
    """Put items that share a key, or share one with another that does, into one group.

    Args:
        items: The keys of each: persons, sources, pairs.

    Returns:
        The name of each item's group, the smallest of the group's keys.
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    keyed = [sorted(keys) for keys in items]
    for keys in keyed:
        for other in keys[1:]:
            one, two = sorted((root(keys[0]), root(other)))
            parent[two] = one
    return [root(keys[0]) for keys in keyed]


def common_split(splits: Iterable[str]) -> str | None:
    """The split that all of a fake's persons stand in; None where they stand in several."""
    found = set(splits)
    return found.pop() if len(found) == 1 else None
