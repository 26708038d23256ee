"""Jobs: what workers and the sweeper do with queued scans, under a lease and a heartbeat."""
