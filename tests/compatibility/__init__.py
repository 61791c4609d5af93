"""docs/compatibility.md: which calls of the unmodified clients work here, told by the tests that make them."""
