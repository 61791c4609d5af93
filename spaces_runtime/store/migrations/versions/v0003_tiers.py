"""How much memory a Space held, and the devices that a start of it takes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is known of the Spaces there are; none runs on a device."""
    op.add_column("spaces", sa.Column("peak", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("spaces", sa.Column("lease", sa.Text()))
