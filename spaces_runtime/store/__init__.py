"""Everything that is kept: the database, git, blobs, and the live store."""
