"""Published checkpoints of others: check everything, convert to a detector folder that describes itself."""
