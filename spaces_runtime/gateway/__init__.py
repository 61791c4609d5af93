"""The visitor's side: routes a request to its Space, holds it while the Space wakes."""
