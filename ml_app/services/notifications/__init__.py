"""Notifications: notices, e-mails and webhooks, what they send to other hosts, and trying again."""
