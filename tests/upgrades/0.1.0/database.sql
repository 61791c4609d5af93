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
INSERT INTO "audit" VALUES(1,1.79528059671511197093e+09,'','create user','ann');
INSERT INTO "audit" VALUES(2,1.79528059673509144777e+09,'ann','create write token','laptop');
INSERT INTO "audit" VALUES(3,1.7952805967365512848e+09,'ann','create read token','reader');
INSERT INTO "audit" VALUES(4,1.79528059683356499675e+09,'ann','create model','ann/model');
INSERT INTO "audit" VALUES(5,1.7952805970406091213e+09,'ann','commit main 7ba3e66','ann/model');
INSERT INTO "audit" VALUES(6,1.79528059705670738218e+09,'ann','create tag v1','ann/model');
INSERT INTO "audit" VALUES(7,1.79528059708563566209e+09,'ann','create dataset','ann/data');
INSERT INTO "audit" VALUES(8,1.79528059711543273922e+09,'ann','create space','ann/space');
INSERT INTO "audit" VALUES(9,1.79528059715032720566e+09,'ann','commit main 53b9166','ann/space');
INSERT INTO "audit" VALUES(10,1.79528059717460608483e+09,'ann','set secret KEY','a455dbacf72c4fb1b16f24bb');
INSERT INTO "audit" VALUES(11,1.79528059718195295334e+09,'ann','set variable COLOUR','a455dbacf72c4fb1b16f24bb');
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
INSERT INTO "builds" VALUES('a455dbacf72c4fb1b16f24bb','53b9166e886792061fba3e6dd4487feeacc143ef',0,1,'none',NULL,'',0);
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
INSERT INTO "facts" VALUES('4ea087c7050d4c8692955519','7ba3e66e6683f88a8a5dc2cba160dbd8d523f3df','{"tags":["license:mit"]}','{"license": "mit"}');
INSERT INTO "facts" VALUES('e09a0a184eb4407a80d21ced','8da9d1e5a4bca0cde31c2eb564d50b798689fa87','{}','{}');
INSERT INTO "facts" VALUES('4c5964cda82b4fc3ac24e861','53b9166e886792061fba3e6dd4487feeacc143ef','{"tags":["static"]}','{"title": "space", "sdk": "static"}');
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
INSERT INTO "git_sizes" VALUES('4ea087c7050d4c8692955519',31);
INSERT INTO "git_sizes" VALUES('4c5964cda82b4fc3ac24e861',14);
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
INSERT INTO "holdings" VALUES('4ea087c7050d4c8692955519','537b00e5446acb4e7e2795575f0a63235674784f2304502103bdc10e5b3ad7a9',720,NULL);
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
INSERT INTO "repos" VALUES('4ea087c7050d4c8692955519','model','ann','model','ann/model','ann','public','','b514865186764832ba19fd3779709fd4',1.79528059679949903489e+09,1.79528059704606580732e+09,'7ba3e66e6683f88a8a5dc2cba160dbd8d523f3df','',0,0,0,0);
INSERT INTO "repos" VALUES('e09a0a184eb4407a80d21ced','dataset','ann','data','ann/data','ann','private','','b514865186764832ba19fd3779709fd4',1.79528059706016778949e+09,1.79528059708804321294e+09,'8da9d1e5a4bca0cde31c2eb564d50b798689fa87','',0,0,0,0);
INSERT INTO "repos" VALUES('4c5964cda82b4fc3ac24e861','space','ann','space','ann/space','ann','public','','b514865186764832ba19fd3779709fd4',1.79528059709236121176e+09,1.79528059715580821042e+09,'53b9166e886792061fba3e6dd4487feeacc143ef','static',0,0,0,0);
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
INSERT INTO "secrets" VALUES('a455dbacf72c4fb1b16f24bb','KEY',X'0C34ECC9D10658ACB799EB3C73382664F8A3220CFCE880775C481822EC97CC97DD98E966383C532F15168FA46A9C9D7226BE318BAAE3E24A5DCAE761',X'3897576C7F2D689A817BD6291ED250F0FEB77795EDC82D271A4CE2D498C0D483E91B19','',1.7952805971727969647e+09);
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
INSERT INTO "spaces" VALUES('a455dbacf72c4fb1b16f24bb','4c5964cda82b4fc3ac24e861','ann-space',0,'serve','','cpu-basic',NULL,0,1,1,'53b9166e886792061fba3e6dd4487feeacc143ef',0,NULL,0,NULL,NULL,NULL,1.79528059716117548939e+09,1.79528059711906504635e+09);
CREATE TABLE tags (
	repo TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	CONSTRAINT pk_tags PRIMARY KEY (repo, tag), 
	CONSTRAINT fk_tags_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "tags" VALUES('4ea087c7050d4c8692955519','license:mit','model');
INSERT INTO "tags" VALUES('4c5964cda82b4fc3ac24e861','static','space');
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
INSERT INTO "tokens" VALUES('003fe15f859e450a9c354357b9657102','b514865186764832ba19fd3779709fd4','laptop','write','8b8d733ac63a4355274bfb9efcf44e077709e88281207fbe6475e326e2de370f',1.79528059673313212388e+09);
INSERT INTO "tokens" VALUES('a7156ad1ea9b4027afad53e27b573f8d','b514865186764832ba19fd3779709fd4','reader','read','84f5b1a609ee34b08939c6366f62d3787eb85dcafaef662fec5f80b642a0e138',1.7952805967359466553e+09);
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
INSERT INTO "users" VALUES('b514865186764832ba19fd3779709fd4','ann','ann','$argon2id$v=19$m=19456,t=2,p=1$CwFsypE1yRMkf7Nrm7c9Fg$LTjuyDT5Qm7Djjv1+as/TCW8G1I7PvY9dsMu0A6zYMk',1,1.7952805967084815502e+09);
CREATE TABLE variables (
	space TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	description TEXT NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_variables PRIMARY KEY (space, name), 
	CONSTRAINT fk_variables_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
INSERT INTO "variables" VALUES('a455dbacf72c4fb1b16f24bb','COLOUR','red','',1.79528059718097019199e+09);
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
