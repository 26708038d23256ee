"""`manage.py` and what can be said to it: a file for each command."""
