"""Verbs that touch several rows, files or the queue. Views, commands and tasks call these."""
