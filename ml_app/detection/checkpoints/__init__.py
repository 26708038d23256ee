"""Checkpoints: files that describe themselves, and the manifest that pins their hashes."""
