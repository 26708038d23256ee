"""Rows to start from, as every test of the database has them."""

from tests.rows import claimed, commits, findings, media, scan, sent, video, weights

__all__ = ["claimed", "commits", "findings", "media", "scan", "sent", "video", "weights"]
