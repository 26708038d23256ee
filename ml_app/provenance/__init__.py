"""Where a file says that it comes from: signed Content Credentials (C2PA), marks of generators. No Django."""
