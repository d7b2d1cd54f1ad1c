/** Agents and their keys, environments, deployments and what agents tell of them. Never edited after a release. */
export const sql = `
create table agents (
  id text primary key,
  name text not null,
  created_at timestamp(3) with time zone not null default now(),
  revoked_at timestamp(3) with time zone,
  -- Of the newest heartbeat.
  online boolean not null default false,
  seen_at timestamp(3) with time zone,
  version text,
  slots integer not null default 1,
  draining boolean not null default false,
  running jsonb not null default '[]'::jsonb,
  engine jsonb,
  disk jsonb,
  unsent integer not null default 0
);

-- The name of one that was revoked is free again.
create unique index agents_name_unique on agents (name) where revoked_at is null;

-- Those that were replaced stay, so that who shows one is told so.
create table agent_tokens (
  token_hash text primary key,
  agent_id text not null references agents (id) on delete cascade,
  created_at timestamp(3) with time zone not null default now(),
  expires_at timestamp(3) with time zone not null,
  used_at timestamp(3) with time zone,
  replaced_at timestamp(3) with time zone
);
create index agent_tokens_agent_id on agent_tokens (agent_id);

create table agent_keys (
  public_key text primary key,
  agent_id text not null references agents (id) on delete cascade,
  created_at timestamp(3) with time zone not null default now(),
  expires_at timestamp(3) with time zone not null,
  revoked_at timestamp(3) with time zone,
  -- The bus was told. One that it could not be told of is told again.
  revocation_sent_at timestamp(3) with time zone
);
create index agent_keys_agent_id on agent_keys (agent_id);
create index agent_keys_to_revoke on agent_keys (revoked_at) where revoked_at is not null and revocation_sent_at is null;

create table environments (
  id text primary key,
  project_id text not null references projects (id) on delete cascade,
  name text not null,
  pr integer,
  state text not null default 'pending',
  desired text not null default 'up',
  -- Holds its containers, or may.
  agent_id text references agents (id) on delete set null,
  -- Its containers serve.
  deployment_id text,
  url text,
  -- Since when the agent says that it has nothing of it, though it should.
  missing_since timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null default now(),
  updated_at timestamp(3) with time zone not null default now(),
  constraint environments_name_unique unique (project_id, name)
);
create index environments_agent_id on environments (agent_id);

create table deployments (
  id text primary key,
  project_id text not null references projects (id) on delete cascade,
  environment_id text not null references environments (id) on delete cascade,
  number integer not null,
  kind text not null,
  state text not null,
  ref text not null,
  commit text,
  use_cache boolean not null,
  requested_by text not null,
  created_at timestamp(3) with time zone not null default now(),
  agent_id text references agents (id) on delete set null,
  -- How often the job was given to the bus, when last, and where it lies there.
  publishes integer not null default 0,
  published_at timestamp(3) with time zone,
  job_seq bigint,
  -- How often it was claimed, and by which delivery last.
  attempt integer not null default 0,
  claimed_delivery integer,
  claimed_at timestamp(3) with time zone,
  heard_at timestamp(3) with time zone,
  cancel_reason text,
  cancel_requested_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
  presumed boolean not null default false,
  last_seq integer,
  subject text,
  author text,
  plan jsonb,
  services jsonb,
  url text,
  duration integer,
  error jsonb,
  constraint deployments_number_unique unique (environment_id, number),
  constraint deployments_attempt check (attempt >= 0)
);
create index deployments_project_id on deployments (project_id, created_at desc, id desc);
create index deployments_open on deployments (agent_id) where finished_at is null;
-- Never two at once for one environment, whatever the code thinks.
create unique index deployments_one_active on deployments (environment_id)
  where state in ('claimed', 'preparing', 'building', 'starting');

create table events (
  id bigserial primary key,
  deployment_id text not null references deployments (id) on delete cascade,
  attempt integer not null,
  seq integer not null,
  type text not null,
  service text,
  at timestamp(3) with time zone not null,
  body jsonb not null,
  constraint events_seq_unique unique (deployment_id, attempt, seq)
);
create index events_of_deployment on events (deployment_id, id);
create index events_logs on events (deployment_id, attempt, seq) where type = 'step.log';
`;
