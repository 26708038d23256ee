"""Calibration: from logits to probabilities and verdicts, fitted on clips as the site would judge them."""
