"""The detectors that somebody names on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings


def add_detector_arguments(parser: ArgumentParser) -> None:
    """Declare `--detector NAME`, the site's own unless it is given, and `--also NAME`, a list."""
    parser.add_argument("--detector", default=settings.DETECTOR, help="name of an installed detector")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="DETECTOR",
        help="a detector that is asked as well, of the same people; may be given several times",
    )
