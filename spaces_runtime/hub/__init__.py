"""The clients' contract: translate, call one operation, translate."""
