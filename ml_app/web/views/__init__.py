"""Pages. Each view translates between a request and a service."""
