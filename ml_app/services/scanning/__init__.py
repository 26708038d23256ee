"""Scans: ordered, queued at a pace, cancelled, and what they found: written to rows and read from them."""
