"""Storage: uploads on their way in, kept media in a folder or a bucket, and files that no row names."""
