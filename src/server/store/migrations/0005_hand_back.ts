/** Claims that are told apart by their own ids, jobs that are handed back, and events that are not kept for ever. */
export const sql = `
-- Ids of the claims that were granted, the newest last: a repeated one is answered again, one from before is refused.
alter table deployments add column claims jsonb not null default '[]'::jsonb;
alter table deployments drop column claimed_delivery;

-- How often an agent that drained gave it back, and when last: those attempts are no failures, and it waits anew.
alter table deployments add column hand_backs integer not null default 0;
alter table deployments add column handed_back_at timestamp(3) with time zone;

-- Its events were too old, or too many.
alter table deployments add column events_removed_at timestamp(3) with time zone;
create index deployments_finished_at on deployments (finished_at) where finished_at is not null;
`;
