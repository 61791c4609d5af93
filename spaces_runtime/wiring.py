"""The one place that names implementations."""
