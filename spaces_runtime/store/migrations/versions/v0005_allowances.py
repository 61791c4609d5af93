"""What people may have of Spaces, memory and GPU hours; Spaces that never make way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody was given anything of their own; no Space is pinned."""
    op.create_table(
        "allowances",
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("spaces", sa.Integer()),
        sa.Column("memory", sa.BigInteger()),
        sa.Column("gpu_hours", sa.Double()),
        sa.PrimaryKeyConstraint("folded", name="pk_allowances"),
    )
    op.create_table(
        "gpu_use",
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("folded", "month", name="pk_gpu_use"),
    )
    op.add_column("spaces", sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
