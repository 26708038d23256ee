"""The application: detector, training, history of analyses, pages."""
