"""Telling drawn faces from photographed ones: drawings made of photographs, and what is learned from both."""
