"""What the worker does with the id of a row: the one place that joins the database and the detector."""
