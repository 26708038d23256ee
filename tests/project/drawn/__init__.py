"""The people of the example: shapes, colours and light, drawn by arithmetic, and the clip made of them.

.venv/bin/python -m tests.project.drawn.clip
"""
