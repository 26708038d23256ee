"""Accounts: how people come in, by invitation, password, second factor or single sign-on, and who has to."""
