/** Accounts, projects and their secrets, and the audit log. Never edited after a release: what changes comes as a next number. */
export const sql = `
-- Facts of this installation, such as the check value of its master key.
create table instance (
  key text primary key,
  value text not null
);

create table users (
  id text primary key,
  email text not null constraint users_email_unique unique,
  password_hash text not null,
  created_at timestamp(3) with time zone not null default now()
);

create table sessions (
  id text primary key,
  token_hash text not null constraint sessions_token_hash_unique unique,
  user_id text not null references users (id) on delete cascade,
  created_at timestamp(3) with time zone not null default now(),
  expires_at timestamp(3) with time zone not null,
  address text not null,
  user_agent text not null
);
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

create table api_tokens (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text not null,
  token_hash text not null constraint api_tokens_token_hash_unique unique,
  scopes text[] not null,
  created_at timestamp(3) with time zone not null default now(),
  expires_at timestamp(3) with time zone,
  last_used_at timestamp(3) with time zone,
  constraint api_tokens_name_unique unique (user_id, name)
);

create table projects (
  id text primary key,
  name text not null constraint projects_name_unique unique,
  url text not null,
  repo_key text not null,
  env jsonb not null default '{}'::jsonb,
  cpus double precision,
  memory text,
  -- What kind of credential the sealed one is: token or ssh. Both or none.
  credential_kind text,
  credential_sealed text,
  credential_changed_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null default now(),
  updated_at timestamp(3) with time zone not null default now(),
  constraint projects_credential_whole check ((credential_kind is null) = (credential_sealed is null))
);

create table project_secrets (
  project_id text not null references projects (id) on delete cascade,
  key text not null,
  sealed text not null,
  changed_at timestamp(3) with time zone not null default now(),
  primary key (project_id, key)
);

create table project_registries (
  project_id text not null references projects (id) on delete cascade,
  host text not null,
  username text not null,
  sealed text not null,
  changed_at timestamp(3) with time zone not null default now(),
  primary key (project_id, host)
);

-- No references: an entry outlives what it speaks of.
create table audit_log (
  id bigserial primary key,
  at timestamp(3) with time zone not null default now(),
  actor_kind text not null,
  actor_id text,
  actor_name text not null,
  action text not null,
  target text,
  address text,
  request_id text
);
create index audit_log_at on audit_log (at);
`;
