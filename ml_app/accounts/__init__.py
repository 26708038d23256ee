"""Accounts: how people come in, who has to, and how they leave, with their data or without."""
