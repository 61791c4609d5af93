"""Spaces a user could push, each folder a whole repo, and what brings the models they use here."""
