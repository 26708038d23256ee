"""Teams: who belongs to them, and what becomes of their scans when somebody leaves."""
