"""The child process that decodes, under limits. Imports no more than PyAV, Pillow, NumPy and plain values."""
