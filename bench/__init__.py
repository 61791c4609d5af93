"""Every promised number, measured beside a rival in one run."""
