"""Observe, learn, plan, act: keeps every Space where it should be."""
