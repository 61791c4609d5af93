"""What runs on a real container engine; `make test-docker`."""
