"""Reports: a measurement of a detector on one page of HTML."""
