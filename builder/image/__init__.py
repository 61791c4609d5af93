"""Container images: of a Space's own Dockerfile, and of everything else the builder makes, layer by layer."""
