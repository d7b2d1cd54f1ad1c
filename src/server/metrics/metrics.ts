import { sql } from "drizzle-orm";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { agents, type Database, deployments } from "../store/index.js";

export interface Metrics {
  /** In Prometheus' text format. Asks the database. */
  text(): Promise<{ readonly type: string; readonly body: string }>;
  /** Milliseconds from publishing a job to its claim. */
  claimed(latency: number): void;
  eventsStored(count: number): void;
  eventsRepeated(count: number): void;
  eventDropped(reason: string): void;
  /** Messages that the bus's consumer has removed by itself, as it counts them. */
  watchConsumer(stats: () => { readonly malformed: number; readonly poisonous: number }): void;
  /** Milliseconds from an event's making to its storing, by two clocks. */
  ingestLag(ms: number): void;
  httpAnswered(labels: { method: string; route: string; status: number }, ms: number): void;
}

/** From a claim on loopback to one that waited for a slow bus. */
const latencies = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 1, 3, 10, 30];

/** A registry of its own, so that two servers in one process do not mix. `followers`: who reads events as they come, now. */
export function createMetrics(db: Database, followers: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "galley_deployments",
    help: "Deployments by state.",
    labelNames: ["state"],
    registers,
    async collect() {
      const rows = await db
        .select({ state: deployments.state, count: sql<number>`count(*)::int` })
        .from(deployments)
        .groupBy(deployments.state);
      this.reset();
      for (const { state, count } of rows) this.set({ state }, count);
    },
  });
  new Gauge({
    name: "galley_queue_length",
    help: "Deployments that no agent has claimed yet.",
    registers,
    async collect() {
      this.set(await db.$count(deployments, sql`${deployments.state} = 'queued'`));
    },
  });
  new Gauge({
    name: "galley_agents_online",
    help: "Agents that send heartbeats.",
    registers,
    async collect() {
      this.set(await db.$count(agents, sql`${agents.online} and ${agents.revokedAt} is null`));
    },
  });
  new Gauge({
    name: "galley_event_followers",
    help: "Open event streams.",
    registers,
    collect() {
      this.set(followers());
    },
  });
  const claim = new Histogram({
    name: "galley_claim_latency_seconds",
    help: "From publishing a job to its claim.",
    buckets: latencies,
    registers,
  });
  const lag = new Histogram({
    name: "galley_ingest_lag_seconds",
    help: "From the making of an event to its storing.",
    buckets: latencies,
    registers,
  });
  const stored = new Counter({
    name: "galley_ingest_events_total",
    help: "Events that were stored.",
    registers,
  });
  const repeated = new Counter({
    name: "galley_ingest_repeated_total",
    help: "Events that came again.",
    registers,
  });
  const dropped = new Counter({
    name: "galley_ingest_dropped_total",
    help: "Events and messages that were not stored: malformed, oversized, of another attempt or agent.",
    labelNames: ["reason"],
    registers,
  });
  let removed = (): { malformed: number; poisonous: number } => ({ malformed: 0, poisonous: 0 });
  new Gauge({
    name: "galley_ingest_removed_messages",
    help: "Messages of agents, since the server began to listen, that were no batch of events or could not be stored.",
    labelNames: ["reason"],
    registers,
    collect() {
      const { malformed, poisonous } = removed();
      this.set({ reason: "malformed" }, malformed);
      this.set({ reason: "poisonous" }, poisonous);
    },
  });
  const http = new Histogram({
    name: "galley_http_request_duration_seconds",
    help: "From request to answer, by route.",
    labelNames: ["method", "route", "status"],
    registers,
  });
  return {
    text: async () => ({ type: registry.contentType, body: await registry.metrics() }),
    claimed: (latency) => claim.observe(latency / 1000),
    eventsStored: (count) => stored.inc(count),
    eventsRepeated: (count) => repeated.inc(count),
    eventDropped: (reason) => dropped.inc({ reason }),
    watchConsumer: (stats) => {
      removed = stats;
    },
    ingestLag: (ms) => lag.observe(ms / 1000),
    httpAnswered: ({ method, route, status }, ms) =>
      http.observe({ method, route, status: String(status) }, ms / 1000),
  };
}
