BEGIN TRANSACTION;
CREATE TABLE access_requests (
	id TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	user TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_access_requests PRIMARY KEY (id), 
	CONSTRAINT fk_access_requests_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE, 
	CONSTRAINT fk_access_requests_user FOREIGN KEY(user) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_access_requests_repo_user UNIQUE (repo, user)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE aliases (
	kind TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	CONSTRAINT pk_aliases PRIMARY KEY (kind, folded), 
	CONSTRAINT fk_aliases_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	"by" TEXT NOT NULL, 
	what TEXT NOT NULL, 
	about TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1.79528330867149281497e+09,'','create user','ann');
INSERT INTO "audit" VALUES(2,1.79528330867618083951e+09,'ann','create write token','laptop');
INSERT INTO "audit" VALUES(3,1.7952833086782448292e+09,'ann','create read token','reader');
INSERT INTO "audit" VALUES(4,1.79528330874366497992e+09,'ann','create model','ann/model');
INSERT INTO "audit" VALUES(5,1.7952833089911487103e+09,'ann','commit main cf8b229','ann/model');
INSERT INTO "audit" VALUES(6,1.79528330901623773578e+09,'ann','create tag v1','ann/model');
INSERT INTO "audit" VALUES(7,1.79528330904313683513e+09,'ann','create dataset','ann/data');
INSERT INTO "audit" VALUES(8,1.79528330906645059586e+09,'ann','create space','ann/space');
INSERT INTO "audit" VALUES(9,1.79528330910638070109e+09,'ann','commit main 776512c','ann/space');
INSERT INTO "audit" VALUES(10,1.79528330912916088109e+09,'ann','set secret KEY','16dc11b380c3405fae01e6d9');
INSERT INTO "audit" VALUES(11,1.7952833091369028092e+09,'ann','set variable COLOUR','16dc11b380c3405fae01e6d9');
CREATE TABLE bucket_files (
	bucket TEXT NOT NULL, 
	path TEXT NOT NULL, 
	xet TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	modified_at DOUBLE, 
	uploaded_at DOUBLE NOT NULL, 
	CONSTRAINT pk_bucket_files PRIMARY KEY (bucket, path), 
	CONSTRAINT fk_bucket_files_bucket FOREIGN KEY(bucket) REFERENCES repos (id) ON DELETE CASCADE
);
CREATE TABLE bucket_sizes (
	bucket TEXT NOT NULL, 
	files BIGINT NOT NULL, 
	size BIGINT NOT NULL, 
	changed_at DOUBLE NOT NULL, 
	CONSTRAINT pk_bucket_sizes PRIMARY KEY (bucket), 
	CONSTRAINT fk_bucket_sizes_bucket FOREIGN KEY(bucket) REFERENCES repos (id) ON DELETE CASCADE
);
CREATE TABLE builds (
	space TEXT NOT NULL, 
	revision TEXT NOT NULL, 
	rebuild INTEGER NOT NULL, 
	pushed INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	artifact TEXT, 
	why TEXT NOT NULL, 
	answered BOOLEAN NOT NULL, 
	CONSTRAINT pk_builds PRIMARY KEY (space, revision, rebuild), 
	CONSTRAINT fk_builds_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
INSERT INTO "builds" VALUES('16dc11b380c3405fae01e6d9','776512ca6162691f03185d8adfed38bd947c8740',0,1,'none',NULL,'',0);
CREATE TABLE discussions (
	repo TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	author TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	status TEXT NOT NULL, 
	base TEXT NOT NULL, 
	merged TEXT NOT NULL, 
	CONSTRAINT pk_discussions PRIMARY KEY (repo, number), 
	CONSTRAINT fk_discussions_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
CREATE TABLE downloads (
	repo TEXT NOT NULL, 
	day INTEGER NOT NULL, 
	count INTEGER NOT NULL, 
	CONSTRAINT pk_downloads PRIMARY KEY (repo, day), 
	CONSTRAINT fk_downloads_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
CREATE TABLE facts (
	repo TEXT NOT NULL, 
	head TEXT NOT NULL, 
	shown TEXT NOT NULL, 
	card TEXT NOT NULL, 
	CONSTRAINT pk_facts PRIMARY KEY (repo), 
	CONSTRAINT fk_facts_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "facts" VALUES('cd908b27b1d64eb8bee2b564','cf8b229e004324b41af59f4cf283c4fb195fe4f8','{"tags":["license:mit"]}','{"license": "mit"}');
INSERT INTO "facts" VALUES('49699d7c63154eaeb2a62b90','2138ee5a0a405a601146d6ae0708e662fb5267b1','{}','{}');
INSERT INTO "facts" VALUES('61d58b2ed5ed44dfb954859c','776512ca6162691f03185d8adfed38bd947c8740','{"tags":["static"]}','{"title": "space", "sdk": "static"}');
CREATE TABLE former_hosts (
	subdomain TEXT NOT NULL, 
	space TEXT NOT NULL, 
	CONSTRAINT pk_former_hosts PRIMARY KEY (subdomain), 
	CONSTRAINT fk_former_hosts_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
CREATE TABLE git_sizes (
	repo TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	CONSTRAINT pk_git_sizes PRIMARY KEY (repo), 
	CONSTRAINT fk_git_sizes_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "git_sizes" VALUES('cd908b27b1d64eb8bee2b564',31);
INSERT INTO "git_sizes" VALUES('61d58b2ed5ed44dfb954859c',14);
CREATE TABLE happenings (
	serial INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	what TEXT NOT NULL, 
	author TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	text TEXT NOT NULL, 
	"before" TEXT NOT NULL, 
	edited BOOLEAN NOT NULL, 
	hidden BOOLEAN NOT NULL, 
	CONSTRAINT pk_happenings PRIMARY KEY (serial), 
	CONSTRAINT fk_happenings_repo FOREIGN KEY(repo, number) REFERENCES discussions (repo, number) ON DELETE CASCADE, 
	CONSTRAINT uq_happenings_id UNIQUE (id)
);
CREATE TABLE holdings (
	repo TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	unused_since DOUBLE, 
	CONSTRAINT pk_holdings PRIMARY KEY (repo, sha256), 
	CONSTRAINT fk_holdings_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "holdings" VALUES('cd908b27b1d64eb8bee2b564','537b00e5446acb4e7e2795575f0a63235674784f2304502103bdc10e5b3ad7a9',720,NULL);
CREATE TABLE left_out (
	space TEXT NOT NULL, 
	revision TEXT NOT NULL, 
	rebuild INTEGER NOT NULL, 
	rung TEXT NOT NULL, 
	CONSTRAINT pk_left_out PRIMARY KEY (space, revision, rebuild, rung), 
	CONSTRAINT fk_left_out_space_revision_rebuild FOREIGN KEY(space, revision, rebuild) REFERENCES builds (space, revision, rebuild) ON DELETE CASCADE
);
CREATE TABLE lfs_locks (
	id TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	path TEXT NOT NULL, 
	user TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	CONSTRAINT pk_lfs_locks PRIMARY KEY (id), 
	CONSTRAINT fk_lfs_locks_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE, 
	CONSTRAINT fk_lfs_locks_user FOREIGN KEY(user) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_lfs_locks_repo_path UNIQUE (repo, path)
);
CREATE TABLE likes (
	repo TEXT NOT NULL, 
	user TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_likes PRIMARY KEY (repo, user), 
	CONSTRAINT fk_likes_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE, 
	CONSTRAINT fk_likes_user FOREIGN KEY(user) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE members (
	org TEXT NOT NULL, 
	user TEXT NOT NULL, 
	role TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_members PRIMARY KEY (org, user), 
	CONSTRAINT fk_members_org FOREIGN KEY(org) REFERENCES orgs (id) ON DELETE CASCADE, 
	CONSTRAINT fk_members_user FOREIGN KEY(user) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE moves (
	kind TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	CONSTRAINT pk_moves PRIMARY KEY (kind, folded), 
	CONSTRAINT fk_moves_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
CREATE TABLE orgs (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	fullname TEXT NOT NULL, 
	details TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_orgs PRIMARY KEY (id), 
	CONSTRAINT uq_orgs_folded UNIQUE (folded)
);
CREATE TABLE quotas (
	folded TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	CONSTRAINT pk_quotas PRIMARY KEY (folded)
);
CREATE TABLE repos (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	namespace TEXT NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	visibility TEXT NOT NULL, 
	gated TEXT NOT NULL, 
	creator TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	head TEXT, 
	sdk TEXT NOT NULL, 
	downloads BIGINT NOT NULL, 
	downloads_ever BIGINT NOT NULL, 
	likes INTEGER NOT NULL, 
	parameters BIGINT NOT NULL, 
	CONSTRAINT pk_repos PRIMARY KEY (id), 
	CONSTRAINT uq_repos_kind_folded UNIQUE (kind, folded)
);
INSERT INTO "repos" VALUES('cd908b27b1d64eb8bee2b564','model','ann','model','ann/model','ann','public','','9ee20f808d284b39acc4165ff7ba3e54',1.7952833087332994938e+09,1.79528330900462627407e+09,'cf8b229e004324b41af59f4cf283c4fb195fe4f8','',0,0,0,0);
INSERT INTO "repos" VALUES('49699d7c63154eaeb2a62b90','dataset','ann','data','ann/data','ann','private','','9ee20f808d284b39acc4165ff7ba3e54',1.7952833090206935406e+09,1795283309.04713,'2138ee5a0a405a601146d6ae0708e662fb5267b1','',0,0,0,0);
INSERT INTO "repos" VALUES('61d58b2ed5ed44dfb954859c','space','ann','space','ann/space','ann','public','','9ee20f808d284b39acc4165ff7ba3e54',1.79528330905488085747e+09,1.79528330911056566241e+09,'776512ca6162691f03185d8adfed38bd947c8740','static',0,0,0,0);
CREATE TABLE secrets (
	space TEXT NOT NULL, 
	name TEXT NOT NULL, 
	"key" BLOB NOT NULL, 
	value BLOB NOT NULL, 
	description TEXT NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_secrets PRIMARY KEY (space, name), 
	CONSTRAINT fk_secrets_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
INSERT INTO "secrets" VALUES('16dc11b380c3405fae01e6d9','KEY',X'7B2E452C461A2EE3E9A631B063941DD95C305390DD15D367CD0B67CDD0DF104CF8E7580D244C20B8C4A61CFC8A0DDCD86B9172C01B2F1D8D998CB7CA',X'DB2AF3ACC7E0E24CAC537B37333514988858CB0F6ECCE8C011BC4C58F7EAC785E2E8EF','',1.79528330912741279599e+09);
CREATE TABLE sessions (
	hash TEXT NOT NULL, 
	user TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (hash), 
	CONSTRAINT fk_sessions_user FOREIGN KEY(user) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE spaces (
	id TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	subdomain TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	wish TEXT NOT NULL, 
	wished_by TEXT NOT NULL, 
	hardware TEXT NOT NULL, 
	sleep INTEGER, 
	restarts INTEGER NOT NULL, 
	secrets INTEGER NOT NULL, 
	pushes INTEGER NOT NULL, 
	head_revision TEXT, 
	head_rebuild INTEGER NOT NULL, 
	good_revision TEXT, 
	good_rebuild INTEGER NOT NULL, 
	failed TEXT, 
	crashed TEXT, 
	hush TEXT, 
	touched_at DOUBLE NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_spaces PRIMARY KEY (id), 
	CONSTRAINT uq_spaces_number UNIQUE (number), 
	CONSTRAINT uq_spaces_subdomain UNIQUE (subdomain)
);
INSERT INTO "spaces" VALUES('16dc11b380c3405fae01e6d9','61d58b2ed5ed44dfb954859c','ann-space',0,'serve','','cpu-basic',NULL,0,1,1,'776512ca6162691f03185d8adfed38bd947c8740',0,NULL,0,NULL,NULL,NULL,1.79528330911649298667e+09,1.79528330907165074347e+09);
CREATE TABLE tags (
	repo TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	CONSTRAINT pk_tags PRIMARY KEY (repo, tag), 
	CONSTRAINT fk_tags_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "tags" VALUES('cd908b27b1d64eb8bee2b564','license:mit','model');
INSERT INTO "tags" VALUES('61d58b2ed5ed44dfb954859c','static','space');
CREATE TABLE tokens (
	id TEXT NOT NULL, 
	user TEXT NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_tokens_user FOREIGN KEY(user) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_tokens_hash UNIQUE (hash)
);
INSERT INTO "tokens" VALUES('34972cf5ef664071a87f378e5db954b7','9ee20f808d284b39acc4165ff7ba3e54','laptop','write','890cdbbb894df2a3a89f9143dfdd053809011e8435f3dc034e94c6782ff3c47a',1.79528330867416596413e+09);
INSERT INTO "tokens" VALUES('01f25032f21e4facb15b551bc8279aa5','9ee20f808d284b39acc4165ff7ba3e54','reader','read','061b8eccdcc4a58c3ecf634cb7fda22006947caf3bcc3deb162a2cbd0a3c94b5',1.79528330867739748955e+09);
CREATE TABLE users (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	password TEXT NOT NULL, 
	admin BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_folded UNIQUE (folded)
);
INSERT INTO "users" VALUES('9ee20f808d284b39acc4165ff7ba3e54','ann','ann','$argon2id$v=19$m=19456,t=2,p=1$KrqVvZJCObSUkM9eARV+xw$7oUpNZjYxFn13ZzlZVnl49b1eWCP8o5fZaSqCm7dXac',1,1.79528330866559267045e+09);
CREATE TABLE variables (
	space TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	description TEXT NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_variables PRIMARY KEY (space, name), 
	CONSTRAINT fk_variables_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
INSERT INTO "variables" VALUES('16dc11b380c3405fae01e6d9','COLOUR','red','',1.79528330913544631008e+09);
CREATE TABLE volumes (
	space TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	mount TEXT NOT NULL, 
	read_only BOOLEAN NOT NULL, 
	revision TEXT NOT NULL, 
	path TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	CONSTRAINT pk_volumes PRIMARY KEY (space, place), 
	CONSTRAINT fk_volumes_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
CREATE TABLE xet_names (
	repo TEXT NOT NULL, 
	xet TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	CONSTRAINT pk_xet_names PRIMARY KEY (repo, xet), 
	CONSTRAINT fk_xet_names_repo_sha256 FOREIGN KEY(repo, sha256) REFERENCES holdings (repo, sha256) ON DELETE CASCADE
);
CREATE INDEX ix_tokens_user ON tokens (user);
CREATE INDEX ix_sessions_user ON sessions (user);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_members_user ON members (user);
CREATE INDEX ix_repos_kind_updated_at ON repos (kind, updated_at);
CREATE INDEX ix_repos_kind_created_at ON repos (kind, created_at);
CREATE INDEX ix_repos_kind_owner ON repos (kind, owner);
CREATE INDEX ix_aliases_repo ON aliases (repo);
CREATE INDEX ix_holdings_sha256 ON holdings (sha256);
CREATE INDEX ix_lfs_locks_user ON lfs_locks (user);
CREATE INDEX ix_xet_names_repo_sha256 ON xet_names (repo, sha256);
CREATE INDEX ix_tags_kind_tag ON tags (kind, tag);
CREATE INDEX ix_moves_repo ON moves (repo);
CREATE INDEX ix_likes_user ON likes (user);
CREATE INDEX ix_downloads_day ON downloads (day);
CREATE INDEX ix_access_requests_user ON access_requests (user);
CREATE INDEX ix_happenings_repo_number ON happenings (repo, number);
CREATE INDEX ix_bucket_files_bucket_sha256 ON bucket_files (bucket, sha256);
CREATE INDEX ix_spaces_repo ON spaces (repo);
CREATE INDEX ix_former_hosts_space ON former_hosts (space);
CREATE INDEX ix_builds_space_pushed ON builds (space, pushed);
COMMIT;
