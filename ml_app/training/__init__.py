"""Training and honest measurement. Knows no Django, no settings and no path it was not given."""
