"""Backup, restore and upgrade, on both databases."""
