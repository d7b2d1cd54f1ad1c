import pg from "pg";
import { digest } from "./story.js";

/** Puts a million lines of the step `npm ci` of `api` into the database, as two thousand events of 500 lines that follow those there. */
export async function millionLines(database: string, deployment: string): Promise<void> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    await client.query(
      `insert into events (deployment_id, attempt, seq, type, service, at, body)
       select last.deployment_id, last.attempt, last.seq + batch, 'step.log', 'api', last.at,
         last.body || jsonb_build_object(
           'seq', last.seq + batch, 'id', 'million-' || batch, 'type', 'step.log', 'service', 'api',
           'step', $2::text, 'clipped', false, 'lines', lines.lines)
       from (select * from events where deployment_id = $1 order by seq desc limit 1) last,
         generate_series(1, 2000) batch,
         lateral (
           -- Without their times, which the page takes from the event: half the bytes.
           select ('[' || string_agg('{"stream":"stdout","text":"line ' || ((batch - 1) * 500 + n) || ' of a million"}', ',' order by n)
             || ']')::jsonb lines
           from generate_series(0, 499) n) lines
       order by batch`,
      [deployment, digest("api-ci")],
    );
  } finally {
    await client.end();
  }
}
