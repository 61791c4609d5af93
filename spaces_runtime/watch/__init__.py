"""What the processes of the platform count, on one page for Prometheus."""
