"""Measurements of speed and memory: see docs/performance.md."""
