"""Prepared faces: cut out of pictures and clips, kept as shards, checked for leakage, augmented."""
