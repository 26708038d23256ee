"""Asking other hosts: which addresses may be asked, and how a link becomes a file. Knows no Django."""
