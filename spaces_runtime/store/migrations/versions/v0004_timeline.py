"""What happened to Spaces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """It begins now; what people changed before is in the audit, which is looked up by Space from now on."""
    op.create_table(
        "timeline",
        sa.Column("serial", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False),
        sa.Column("took", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["space"], ["spaces.id"], name="fk_timeline_space", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("serial", name="pk_timeline"),
    )
    op.create_index("ix_timeline_space_serial", "timeline", ["space", "serial"])
    op.create_index("ix_audit_about", "audit", ["about"])
