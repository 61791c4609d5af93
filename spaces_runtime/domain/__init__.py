"""The nouns of the product and the pure decisions about them. Knows no IO."""
