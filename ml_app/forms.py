"""The forms of the site."""
