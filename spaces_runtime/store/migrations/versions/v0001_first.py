"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
BYTES = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Everything that was there at first."""
    _people()
    _orgs()
    _repos()
    _shown()
    _regard()
    _discussions()
    _buckets()
    _spaces()
    _former_hosts()
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


def _orgs() -> None:
    op.create_table(
        "orgs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("fullname", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orgs"),
        sa.UniqueConstraint("folded", name="uq_orgs_folded"),
    )
    op.create_table(
        "members",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["orgs.id"], name="fk_members_org", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_members_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org", "user", name="pk_members"),
    )
    op.create_index("ix_members_user", "members", ["user"], unique=False)


def _shown() -> None:
    op.create_table(
        "facts",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_facts_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", name="pk_facts"),
    )
    op.create_table(
        "tags",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_tags_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", "tag", name="pk_tags"),
    )
    op.create_index("ix_tags_kind_tag", "tags", ["kind", "tag"], unique=False)
    op.create_table(
        "moves",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_moves_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("kind", "folded", name="pk_moves"),
    )
    op.create_index("ix_moves_repo", "moves", ["repo"], unique=False)


def _regard() -> None:
    op.create_table(
        "likes",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_likes_repo", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_likes_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", "user", name="pk_likes"),
    )
    op.create_index("ix_likes_user", "likes", ["user"], unique=False)
    op.create_table(
        "downloads",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_downloads_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", "day", name="pk_downloads"),
    )
    op.create_index("ix_downloads_day", "downloads", ["day"], unique=False)
    op.create_table(
        "access_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_access_requests_repo", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_access_requests_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_access_requests"),
        sa.UniqueConstraint("repo", "user", name="uq_access_requests_repo_user"),
    )
    op.create_index("ix_access_requests_user", "access_requests", ["user"], unique=False)


def _repos() -> None:
    op.create_table(
        "repos",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("gated", sa.Text(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("sdk", sa.Text(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("downloads_ever", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.Integer(), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_repos"),
        sa.UniqueConstraint("kind", "folded", name="uq_repos_kind_folded"),
    )
    op.create_index("ix_repos_kind_updated_at", "repos", ["kind", "updated_at"], unique=False)
    op.create_index("ix_repos_kind_created_at", "repos", ["kind", "created_at"], unique=False)
    op.create_index("ix_repos_kind_owner", "repos", ["kind", "owner"], unique=False)
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
        sa.Column("unused_since", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_holdings_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", "sha256", name="pk_holdings"),
    )
    op.create_index("ix_holdings_sha256", "holdings", ["sha256"], unique=False)
    op.create_table(
        "git_sizes",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_git_sizes_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", name="pk_git_sizes"),
    )
    op.create_table(
        "quotas",
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("folded", name="pk_quotas"),
    )
    op.create_table(
        "lfs_locks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("path", BYTES, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_lfs_locks_repo", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_lfs_locks_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lfs_locks"),
        sa.UniqueConstraint("repo", "path", name="uq_lfs_locks_repo_path"),
    )
    op.create_index("ix_lfs_locks_user", "lfs_locks", ["user"], unique=False)
    op.create_table(
        "xet_names",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("xet", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo", "sha256"],
            ["holdings.repo", "holdings.sha256"],
            name="fk_xet_names_repo_sha256",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repo", "xet", name="pk_xet_names"),
    )
    op.create_index("ix_xet_names_repo_sha256", "xet_names", ["repo", "sha256"], unique=False)


def _discussions() -> None:
    op.create_table(
        "discussions",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("merged", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["repo"], ["repos.id"], name="fk_discussions_repo", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo", "number", name="pk_discussions"),
    )
    op.create_table(
        "happenings",
        sa.Column("serial", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo", "number"],
            ["discussions.repo", "discussions.number"],
            name="fk_happenings_repo",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("serial", name="pk_happenings"),
        sa.UniqueConstraint("id", name="uq_happenings_id"),
    )
    op.create_index("ix_happenings_repo_number", "happenings", ["repo", "number"], unique=False)


def _buckets() -> None:
    op.create_table(
        "bucket_files",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("path", BYTES, nullable=False),
        sa.Column("xet", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.Double(), nullable=True),
        sa.Column("uploaded_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["bucket"], ["repos.id"], name="fk_bucket_files_bucket", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("bucket", "path", name="pk_bucket_files"),
    )
    op.create_index("ix_bucket_files_bucket_sha256", "bucket_files", ["bucket", "sha256"], unique=False)
    op.create_table(
        "bucket_sizes",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["bucket"], ["repos.id"], name="fk_bucket_sizes_bucket", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("bucket", name="pk_bucket_sizes"),
    )


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


def _former_hosts() -> None:
    op.create_table(
        "former_hosts",
        sa.Column("subdomain", sa.Text(), nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["space"], ["spaces.id"], name="fk_former_hosts_space", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("subdomain", name="pk_former_hosts"),
    )
    op.create_index("ix_former_hosts_space", "former_hosts", ["space"], unique=False)


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
        "volumes",
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mount", sa.Text(), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["space"], ["spaces.id"], name="fk_volumes_space", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("space", "place", name="pk_volumes"),
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
