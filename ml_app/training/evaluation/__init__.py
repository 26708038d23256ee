"""Measure a detector on labelled clips as the site would judge them."""
