"""Limits of processes that read what strangers sent, and what they get of our environment."""
