"""Reports: a scan as a sealed file that travels, and the measurement of a detector on one page of HTML."""
