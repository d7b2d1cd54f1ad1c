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
           select jsonb_agg(jsonb_build_object(
             'stream', 'stdout', 'at', '2026-11-28T12:00:00.000Z',
             'text', 'line ' || ((batch - 1) * 500 + n) || ' of a million') order by n) lines
           from generate_series(0, 499) n) lines
       order by batch`,
      [deployment, digest("api-ci")],
    );
  } finally {
    await client.end();
  }
}
