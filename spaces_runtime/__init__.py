"""A self-hosted home for machine-learning demos."""
