"""Fitting: the backbone on batches of pairs, then the sequence heads on its embeddings."""
