"""Intake: videos uploaded or given as links, the example, and what a visitor who logs in takes along."""
