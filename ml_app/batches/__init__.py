"""Many videos at once: what may come in, the rows it becomes, how they reach the workers, what is told."""
