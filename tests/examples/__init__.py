"""Mirrors the tree: example_spaces."""
