"""What the siblings need from the layers below; wiring hands in the real thing."""
