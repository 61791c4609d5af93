"""Whether a Space may reach the public internet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every Space there is may, as before."""
    op.add_column("spaces", sa.Column("internet", sa.Boolean(), nullable=False, server_default=sa.true()))
