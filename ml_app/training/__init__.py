"""Training, measuring and exporting detectors. Knows no Django and no settings."""
