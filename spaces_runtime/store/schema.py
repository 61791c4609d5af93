"""The tables. A change here needs a step in migrations/versions; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BYTES = Text().with_variant(Text(collation="C"), "postgresql")  # in the order of its bytes, as SQLite does by itself

# Times are Unix seconds. `folded` is a name in lower case: two names that differ by case only are one.

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("password", Text, nullable=False),  # argon2id, with its own salt and parameters
    Column("admin", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # sha256 of the token
    Column("created_at", Double, nullable=False),
)

orgs = Table(
    "orgs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),  # nor is it the name of a user: see store/orgs.py
    Column("fullname", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("org", ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("role", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),  # sha256 of the cookie's value
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Double, nullable=False),
)

repos = Table(
    "repos",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False),  # namespace/name
    Column("owner", Text, nullable=False),  # the namespace, folded
    Column("visibility", Text, nullable=False),
    Column("gated", Text, nullable=False),  # auto, manual; empty: open
    Column("creator", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("head", Text),
    Column("sdk", Text, nullable=False),
    Column("downloads", BigInteger, nullable=False),  # of the last 30 days, counted from `downloads` once a day
    Column("downloads_ever", BigInteger, nullable=False),
    Column("likes", Integer, nullable=False),
    Column("parameters", BigInteger, nullable=False),  # of a model's safetensors; 0: not known
    UniqueConstraint("kind", "folded"),
    Index(None, "kind", "updated_at"),
    Index(None, "kind", "created_at"),
    Index(None, "kind", "owner"),
)

facts = Table(  # what README, config and weights say of a repo at its head: what listings show
    "facts",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("head", Text, nullable=False),
    Column("shown", Text, nullable=False),  # JSON of domain.facts.Facts without the card
    Column("card", Text, nullable=False),  # JSON
)

tags = Table(
    "tags",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Index(None, "kind", "tag"),
)

moves = Table(  # names that repos had
    "moves",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("folded", Text, primary_key=True),
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), nullable=False, index=True),
)

likes = Table(
    "likes",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("created_at", Double, nullable=False),
)

downloads = Table(
    "downloads",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Integer, primary_key=True, index=True),  # days since 1970
    Column("count", Integer, nullable=False),
)

access_requests = Table(
    "access_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state", Text, nullable=False),  # pending, accepted, rejected
    Column("reason", Text, nullable=False),  # of a rejection
    Column("created_at", Double, nullable=False),
    UniqueConstraint("repo", "user"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("folded", Text, primary_key=True),
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), nullable=False, index=True),
)

holdings = Table(
    "holdings",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", Text, primary_key=True, index=True),
    Column("size", BigInteger, nullable=False),
    Column("unused_since", Double),  # when a sweep first found no commit that names it; NULL: none has
)

git_sizes = Table(  # bytes of a repo's git folder: added to by each push and commit, measured anew by a sweep
    "git_sizes",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("size", BigInteger, nullable=False),
)

quotas = Table(  # where an admin gave a person or organisation another limit than the settings'
    "quotas",
    metadata,
    Column("folded", Text, primary_key=True),  # of the namespace
    Column("size", BigInteger, nullable=False),  # bytes; 0: no limit
)

allowances = Table(  # where an admin gave a person or organisation other limits than the settings'; NULL: those
    "allowances",
    metadata,
    Column("folded", Text, primary_key=True),  # of the namespace
    Column("spaces", Integer),
    Column("memory", BigInteger),  # bytes
    Column("gpu_hours", Double),  # a month
)

gpu_use = Table(
    "gpu_use",
    metadata,
    Column("folded", Text, primary_key=True),
    Column("month", Integer, primary_key=True, autoincrement=False),  # see domain.allowance.month_of
    Column("seconds", Double, nullable=False),
)

lfs_locks = Table(
    "lfs_locks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("path", BYTES, nullable=False),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Double, nullable=False),
    UniqueConstraint("repo", "path"),
)

discussions = Table(
    "discussions",
    metadata,
    Column("repo", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),  # name of a person
    Column("created_at", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("base", Text, nullable=False),  # of a pull request: the commit it was cut from; empty: it is none
    Column("merged", Text, nullable=False),  # the commit it was merged by
)

happenings = Table(  # in discussions
    "happenings",
    metadata,
    Column("serial", Integer, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("repo", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("text", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("edited", Boolean, nullable=False),
    Column("hidden", Boolean, nullable=False),
    ForeignKeyConstraint(["repo", "number"], ["discussions.repo", "discussions.number"], ondelete="CASCADE"),
    Index(None, "repo", "number"),
)

xet_names = Table(  # what Xet clients call content that a repo holds
    "xet_names",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("xet", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    ForeignKeyConstraint(["repo", "sha256"], ["holdings.repo", "holdings.sha256"], ondelete="CASCADE"),
    Index(None, "repo", "sha256"),
)

bucket_files = Table(
    "bucket_files",
    metadata,
    Column("bucket", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("path", BYTES, primary_key=True),
    Column("xet", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_at", Double),  # as the sender says
    Column("uploaded_at", Double, nullable=False),
    Index(None, "bucket", "sha256"),
)

bucket_sizes = Table(  # sums of bucket_files; no row: it never had a file
    "bucket_sizes",
    metadata,
    Column("bucket", ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    Column("files", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("changed_at", Double, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False, index=True),
    Column("by", Text, nullable=False),  # name of a person; empty: the platform itself
    Column("what", Text, nullable=False),
    Column("about", Text, nullable=False, index=True),
)

spaces = Table(
    "spaces",
    metadata,
    Column("id", Text, primary_key=True),
    Column("repo", Text, nullable=False, index=True),  # no foreign key: a Space is taken down after its repo is gone
    Column("subdomain", Text, nullable=False, unique=True),
    Column("number", Integer, nullable=False, unique=True),  # names its loopback address
    Column("wish", Text, nullable=False),
    Column("wished_by", Text, nullable=False),
    Column("hardware", Text, nullable=False),
    Column("sleep", Integer),  # seconds; -1: never; NULL: the platform's
    Column("restarts", Integer, nullable=False),
    Column("secrets", Integer, nullable=False),  # version, raised by each change of a secret
    Column("pushes", Integer, nullable=False),  # counts heads; builds.pushed is its value then
    Column("head_revision", Text),  # NULL: the source has no app file
    Column("head_rebuild", Integer, nullable=False),
    Column("good_revision", Text),  # newest build that has answered
    Column("good_rebuild", Integer, nullable=False),
    Column("failed", Text),  # JSON of lesson.Failed
    Column("crashed", Text),  # JSON of lesson.Crashed
    Column("hush", Text),  # JSON of space.Hush
    Column("touched_at", Double, nullable=False),  # by a push or a person; visits are live state
    Column("created_at", Double, nullable=False),
    Column("internet", Boolean, nullable=False, server_default=true()),  # it may reach the public one
    Column("pinned", Boolean, nullable=False, server_default=false()),  # it never makes way for another
    Column("peak", BigInteger, nullable=False, server_default="0"),  # bytes; the most its last instance held
    Column("lease", Text),  # JSON of space.Lease
)

timeline = Table(  # what happened to Spaces, beside what people asked for, which the audit has
    "timeline",
    metadata,
    Column("serial", Integer, primary_key=True, autoincrement=True),
    Column("space", ForeignKey("spaces.id", ondelete="CASCADE"), nullable=False),
    Column("at", Double, nullable=False),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("rung", Text, nullable=False),  # empty: it is about none
    Column("took", Double, nullable=False),  # seconds; 0: not said
    Index(None, "space", "serial"),
)

former_hosts = Table(  # addresses that Spaces had before they were renamed
    "former_hosts",
    metadata,
    Column("subdomain", Text, primary_key=True),
    Column("space", ForeignKey("spaces.id", ondelete="CASCADE"), nullable=False, index=True),
)

builds = Table(
    "builds",
    metadata,
    Column("space", ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Text, primary_key=True),
    Column("rebuild", Integer, primary_key=True),
    Column("pushed", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("artifact", Text),  # JSON
    Column("why", Text, nullable=False),
    Column("answered", Boolean, nullable=False),
    Index(None, "space", "pushed"),
)

left_out = Table(
    "left_out",
    metadata,
    Column("space", Text, primary_key=True),
    Column("revision", Text, primary_key=True),
    Column("rebuild", Integer, primary_key=True),
    Column("rung", Text, primary_key=True),
    ForeignKeyConstraint(
        ["space", "revision", "rebuild"],
        ["builds.space", "builds.revision", "builds.rebuild"],
        ondelete="CASCADE",
    ),
)

variables = Table(
    "variables",
    metadata,
    Column("space", ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
)

volumes = Table(
    "volumes",
    metadata,
    Column("space", ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),  # in the order in which they were given
    Column("source", Text, nullable=False),  # a repo's id; without a foreign key: a start says that it is gone
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("mount", Text, nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("revision", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("by", Text, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("space", ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),  # this secret's own key, sealed by the master key
    Column("value", LargeBinary, nullable=False),  # sealed by that key
    Column("description", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
)
