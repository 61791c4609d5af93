"""Spaces in containers: the node is the one process that speaks to the engine."""
