"""Turns a checked-out revision into something that runs. Never imports the platform."""
