export interface Look {
  readonly tone: "good" | "busy" | "bad" | "warn" | "idle";
  readonly shape:
    | "ring"
    | "busy"
    | "dot"
    | "hollow"
    | "check"
    | "cross"
    | "slash"
    | "equal"
    | "moon"
    | "square"
    | "bang";
  readonly word: string;
}

const look = (tone: Look["tone"], shape: Look["shape"], word: string): Look => ({ tone, shape, word });

const looks: Readonly<Record<string, Look>> = {
  // deployments and environments
  queued: look("idle", "ring", "queued"),
  pending: look("idle", "ring", "pending"),
  claimed: look("busy", "busy", "claimed"),
  preparing: look("busy", "busy", "preparing"),
  building: look("busy", "busy", "building"),
  starting: look("busy", "busy", "starting"),
  running: look("good", "dot", "running"),
  hibernating: look("idle", "moon", "hibernating"),
  terminated: look("idle", "square", "terminated"),
  failed: look("bad", "cross", "failed"),
  cancelled: look("idle", "slash", "cancelled"),
  superseded: look("idle", "slash", "superseded"),
  cancelling: look("busy", "busy", "cancelling"),
  // services
  waiting: look("idle", "ring", "waiting"),
  pulling: look("busy", "busy", "pulling"),
  healthy: look("good", "check", "healthy"),
  unchanged: look("good", "equal", "unchanged"),
  removed: look("idle", "square", "removed"),
  reused: look("good", "equal", "reused"),
  built: look("good", "check", "built"),
  // steps
  done: look("good", "check", "done"),
  cached: look("idle", "equal", "cached"),
};

/** How a state looks. One that this page does not know yet is shown by its own word. */
export const lookOf = (state: string): Look => looks[state] ?? look("idle", "hollow", state || "unknown");

const stepRunning = look("busy", "busy", "running");
/** Of a step, for which `running` is not the good end. */
export const lookOfStep = (state: string): Look => (state === "running" ? stepRunning : lookOf(state));

export const online = look("good", "dot", "online");
export const offline = look("bad", "hollow", "offline");
export const draining = look("warn", "bang", "draining");
export const neverSeen = look("idle", "ring", "not started");
