/** What agents have removed from their caches. */
export const sql = `
create table cache_events (
  id bigserial primary key,
  agent_id text not null references agents (id) on delete cascade,
  -- Told again, because the answer was lost, it is the same.
  key text not null,
  at timestamp(3) with time zone not null,
  event jsonb not null,
  constraint cache_events_key_unique unique (agent_id, key)
);
`;
