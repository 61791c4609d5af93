"""The only place that names implementations: a module per process, each read top to bottom."""
