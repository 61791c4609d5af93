"""Run by Alembic: on the connection, and in the transaction, that migrate() opened."""

from __future__ import annotations

from alembic import context

from spaces_runtime.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite too: we began the transaction ourselves
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
