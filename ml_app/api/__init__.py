"""The API for programs, /api/v1. Views translate between JSON and services, as those of the pages do."""
