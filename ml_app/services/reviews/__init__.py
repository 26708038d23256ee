"""Reviews: cases and decisions, how far they agree with the detector, and reviewed videos for training."""
