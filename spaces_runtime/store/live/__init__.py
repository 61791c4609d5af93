"""Live state over the Redis protocol: one class per port, one connection for all of them."""
