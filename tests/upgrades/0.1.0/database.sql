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
INSERT INTO "audit" VALUES(1,1.79527891420982456211e+09,'','create user','ann');
INSERT INTO "audit" VALUES(2,1.79527891423410511017e+09,'ann','create write token','laptop');
INSERT INTO "audit" VALUES(3,1.79527891423584079737e+09,'ann','create read token','reader');
INSERT INTO "audit" VALUES(4,1.79527891438524389265e+09,'ann','create model','ann/model');
INSERT INTO "audit" VALUES(5,1.7952789144955961704e+09,'ann','commit main 2308ac4','ann/model');
INSERT INTO "audit" VALUES(6,1.79527891453920435908e+09,'ann','create tag v1','ann/model');
INSERT INTO "audit" VALUES(7,1.79527891458497929578e+09,'ann','create dataset','ann/data');
INSERT INTO "audit" VALUES(8,1.79527891465208196642e+09,'ann','create space','ann/space');
INSERT INTO "audit" VALUES(9,1.79527891502773523325e+09,'ann','commit main 9494450','ann/space');
INSERT INTO "audit" VALUES(10,1.79527891507985353468e+09,'ann','set secret KEY','7788054aaf9e4f00834b528c');
INSERT INTO "audit" VALUES(11,1.79527891509129166602e+09,'ann','set variable COLOUR','7788054aaf9e4f00834b528c');
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
INSERT INTO "builds" VALUES('7788054aaf9e4f00834b528c','9494450ca58b17ef643aa45b128416cc9a812a3f',0,1,'none',NULL,'',0);
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
INSERT INTO "facts" VALUES('72a86060897747e7a546db18','2308ac426d2138b603659edff9eebd8bb809c54c','{"tags":["license:mit"]}','{"license": "mit"}');
INSERT INTO "facts" VALUES('ce627d2403fa451a81c930d7','45c5537fdb8b30d9fcac6b929b971378bb921272','{}','{}');
INSERT INTO "facts" VALUES('4a9d16497b854a96aa18041c','9494450ca58b17ef643aa45b128416cc9a812a3f','{"tags":["static"]}','{"title": "space", "sdk": "static"}');
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
INSERT INTO "git_sizes" VALUES('72a86060897747e7a546db18',31);
INSERT INTO "git_sizes" VALUES('4a9d16497b854a96aa18041c',14);
CREATE TABLE holdings (
	repo TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	unused_since DOUBLE, 
	CONSTRAINT pk_holdings PRIMARY KEY (repo, sha256), 
	CONSTRAINT fk_holdings_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "holdings" VALUES('72a86060897747e7a546db18','537b00e5446acb4e7e2795575f0a63235674784f2304502103bdc10e5b3ad7a9',720,NULL);
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
INSERT INTO "repos" VALUES('72a86060897747e7a546db18','model','ann','model','ann/model','ann','public','','d3d953b388104da68e482be481882fa8',1.79527891433923459055e+09,1.79527891451446866988e+09,'2308ac426d2138b603659edff9eebd8bb809c54c','',0,0,0,0);
INSERT INTO "repos" VALUES('ce627d2403fa451a81c930d7','dataset','ann','data','ann/data','ann','private','','d3d953b388104da68e482be481882fa8',1.79527891454677915577e+09,1.79527891459473466868e+09,'45c5537fdb8b30d9fcac6b929b971378bb921272','',0,0,0,0);
INSERT INTO "repos" VALUES('4a9d16497b854a96aa18041c','space','ann','space','ann/space','ann','public','','d3d953b388104da68e482be481882fa8',1.79527891460136318209e+09,1.7952789150421805381e+09,'9494450ca58b17ef643aa45b128416cc9a812a3f','static',0,0,0,0);
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
INSERT INTO "secrets" VALUES('7788054aaf9e4f00834b528c','KEY',X'CDC0BB5E4E8BB63DBAC8E4E6515AAD2E58246F78402B5CFECBCF16561F977B45880AEA0AAED091D21128F71061CD3CA4C4DD9E58714D875CE13533D3',X'3440AF4010B4DF5C9F3038D310F1BD5A9CC6167ACF3CC656C4ED44AC902E1315AA0681','',1.79527891507754254344e+09);
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
INSERT INTO "spaces" VALUES('7788054aaf9e4f00834b528c','4a9d16497b854a96aa18041c','ann-space',0,'serve','','cpu-basic',NULL,0,1,1,'9494450ca58b17ef643aa45b128416cc9a812a3f',0,NULL,0,NULL,NULL,NULL,1.79527891506264114379e+09,1.79527891465789842602e+09);
CREATE TABLE tags (
	repo TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	CONSTRAINT pk_tags PRIMARY KEY (repo, tag), 
	CONSTRAINT fk_tags_repo FOREIGN KEY(repo) REFERENCES repos (id) ON DELETE CASCADE
);
INSERT INTO "tags" VALUES('72a86060897747e7a546db18','license:mit','model');
INSERT INTO "tags" VALUES('4a9d16497b854a96aa18041c','static','space');
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
INSERT INTO "tokens" VALUES('d7ca665debc2499da159960c71906693','d3d953b388104da68e482be481882fa8','laptop','write','5603536d1d924ecaf0018e506f225960c6720cd20795b152e02abc8ab3c70c7a',1.79527891423213458062e+09);
INSERT INTO "tokens" VALUES('45bc6bbacb3d42d3bd734c0160188aa0','d3d953b388104da68e482be481882fa8','reader','read','f7cf836cf064520128a99a51974b4f3622d645a30a23688deeddf597cfd0dfb9',1.79527891423515486724e+09);
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
INSERT INTO "users" VALUES('d3d953b388104da68e482be481882fa8','ann','ann','$argon2id$v=19$m=19456,t=2,p=1$wCMYN9K3310dGWV8N/MT+w$SRNfEoYenMyQiqD1ABCMCEyrhB1PvTUDCTePZ9yGL4I',1,1.79527891420382261274e+09);
CREATE TABLE variables (
	space TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	description TEXT NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_variables PRIMARY KEY (space, name), 
	CONSTRAINT fk_variables_space FOREIGN KEY(space) REFERENCES spaces (id) ON DELETE CASCADE
);
INSERT INTO "variables" VALUES('7788054aaf9e4f00834b528c','COLOUR','red','',1.79527891508994364737e+09);
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
CREATE INDEX ix_bucket_files_bucket_sha256 ON bucket_files (bucket, sha256);
CREATE INDEX ix_spaces_repo ON spaces (repo);
CREATE INDEX ix_former_hosts_space ON former_hosts (space);
CREATE INDEX ix_builds_space_pushed ON builds (space, pushed);
COMMIT;
