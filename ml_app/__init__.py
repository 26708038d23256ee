"""The application: detector, training, history of analyses, pages."""

__version__ = "0.1.0"  # as in pyproject.toml, which no container has
