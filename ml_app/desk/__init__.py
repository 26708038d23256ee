"""The review desk: the admin of scans, its columns, filters, actions and export."""
