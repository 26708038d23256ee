"""Fixtures for every test."""

from tests.media import clips

__all__ = ["clips"]
