"""The child process that decodes videos, under limits. Imports no more than PyAV, NumPy and plain values."""
