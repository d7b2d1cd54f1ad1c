/** How long environments live, when they sleep, and what happened to their services. */
export const sql = `
alter table environments add column pinned boolean not null default false;
-- When it is taken down unless it is pinned; null: never.
alter table environments add column expires_at timestamp(3) with time zone;
-- By what its agent sees of its network, or the end of its last deployment.
alter table environments add column last_request_at timestamp(3) with time zone;
-- Since when its containers are stopped.
alter table environments add column hibernated_at timestamp(3) with time zone;
-- Why it could not be stopped or started last.
alter table environments add column life_error jsonb;

-- Seconds; null: as the server is set; 0: never.
alter table projects add column ttl_seconds integer;
alter table projects add column idle_seconds integer;

create table runtime_events (
  id bigserial primary key,
  environment_id text not null references environments (id) on delete cascade,
  -- Told again, because the answer was lost, it is the same.
  key text not null,
  at timestamp(3) with time zone not null,
  type text not null,
  deployment_id text,
  service text,
  exit_code integer,
  restarts integer,
  detail text,
  constraint runtime_events_key_unique unique (environment_id, key)
);
`;
