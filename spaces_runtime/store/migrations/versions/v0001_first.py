"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Everything that was there at first."""
    _people()
    _repos()
    _spaces()
    _builds()
    _settings()


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("folded", name="uq_users_folded"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_tokens_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_index("ix_tokens_user", "tokens", ["user"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_sessions_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)


def _repos() -> None:
    op.create_table(
        "repos",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("sdk", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_repos"),
        sa.UniqueConstraint("kind", "folded", name="uq_repos_kind_folded"),
    )
    op.create_index("ix_repos_kind_updated_at", "repos", ["kind", "updated_at"], unique=False)
    op.create_table(
        "aliases",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_aliases_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("kind", "folded", name="pk_aliases"),
    )
    op.create_index("ix_aliases_repo", "aliases", ["repo"], unique=False)
    op.create_table(
        "holdings",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_holdings_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", "sha256", name="pk_holdings"),
    )
    op.create_index("ix_holdings_sha256", "holdings", ["sha256"], unique=False)


def _spaces() -> None:
    op.create_table(
        "spaces",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("subdomain", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("wished_by", sa.Text(), nullable=False),
        sa.Column("hardware", sa.Text(), nullable=False),
        sa.Column("sleep", sa.Integer(), nullable=True),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("secrets", sa.Integer(), nullable=False),
        sa.Column("pushes", sa.Integer(), nullable=False),
        sa.Column("head_revision", sa.Text(), nullable=True),
        sa.Column("head_rebuild", sa.Integer(), nullable=False),
        sa.Column("good_revision", sa.Text(), nullable=True),
        sa.Column("good_rebuild", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Text(), nullable=True),
        sa.Column("crashed", sa.Text(), nullable=True),
        sa.Column("hush", sa.Text(), nullable=True),
        sa.Column("touched_at", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spaces"),
        sa.UniqueConstraint("number", name="uq_spaces_number"),
        sa.UniqueConstraint("subdomain", name="uq_spaces_subdomain"),
    )
    op.create_index("ix_spaces_repo", "spaces", ["repo"], unique=False)


def _builds() -> None:
    op.create_table(
        "builds",
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("rebuild", sa.Integer(), nullable=False),
        sa.Column("pushed", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["space"], ["spaces.id"], name="fk_builds_space", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("space", "revision", "rebuild", name="pk_builds"),
    )
    op.create_index("ix_builds_space_pushed", "builds", ["space", "pushed"], unique=False)
    op.create_table(
        "left_out",
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("rebuild", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space", "revision", "rebuild"],
            ["builds.space", "builds.revision", "builds.rebuild"],
            name="fk_left_out_space_revision_rebuild",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space", "revision", "rebuild", "rung", name="pk_left_out"),
    )


def _settings() -> None:
    op.create_table(
        "variables",
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["space"], ["spaces.id"], name="fk_variables_space", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("space", "name", name="pk_variables"),
    )
    op.create_table(
        "secrets",
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["space"], ["spaces.id"], name="fk_secrets_space", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("space", "name", name="pk_secrets"),
    )
