"""The detector: from a video file to findings. Knows no Django, no settings and no path it was not given."""
