import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface AgentMetrics {
  readonly registry: Registry;
  /** A deployment has ended. */
  finished(outcome: string, durationMs: number): void;
}

export interface MeasuredAgent {
  readonly slots: { readonly size: number; readonly taken: number };
  readonly builds: { readonly size: number; readonly taken: number };
  readonly unsent: () => number;
  readonly dropped: () => number;
  readonly connected: () => boolean;
  readonly engine: () => boolean;
}

/** What the agent measures of itself, with Node's own figures (memory, event loop lag) among them. A registry of its own each time. */
export function createMetrics(agent: MeasuredAgent): AgentMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("galley_agent_slots", "Deployments at once.", () => agent.slots.size);
  gauge("galley_agent_deployments_running", "Deployments under way.", () => agent.slots.taken);
  gauge("galley_agent_builds_running", "Builds of services under way.", () => agent.builds.taken);
  gauge("galley_agent_events_unsent", "Events that the bus has not taken yet.", agent.unsent);
  gauge("galley_agent_log_events_dropped", "Log events for which there was no room.", agent.dropped);
  gauge("galley_agent_bus_connected", "1 while there is a connection to the bus.", () =>
    Number(agent.connected()),
  );
  gauge("galley_agent_engine_up", "1 while the Docker Engine answers.", () => Number(agent.engine()));
  const ended = new Counter({
    name: "galley_agent_deployments_total",
    help: "Deployments that have ended, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const durations = new Histogram({
    name: "galley_agent_deployment_seconds",
    help: "From claim to end.",
    labelNames: ["outcome"],
    buckets: [1, 3, 10, 30, 60, 180, 600, 1_800, 7_200],
    registers,
  });
  return {
    registry,
    finished: (outcome, durationMs) => {
      ended.inc({ outcome });
      durations.observe({ outcome }, durationMs / 1_000);
    },
  };
}
