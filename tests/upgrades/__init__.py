"""Data folders as older releases left them, as text; each is brought up to this version and used."""
