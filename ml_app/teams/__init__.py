"""Teams: who belongs to them, how their scans are ordered, and what stays when somebody leaves."""
