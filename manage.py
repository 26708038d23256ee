#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415 - for the hint below
    except ImportError as error:
        raise SystemExit("Django is not installed here. `make setup` prepares everything.") from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
