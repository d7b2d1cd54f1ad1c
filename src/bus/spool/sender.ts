import { GalleyError } from "../../errors/index.js";
import type { BusConnection } from "../connection.js";
import { apiErrorCode } from "../jetstream-error.js";
import type { BusLog } from "../log.js";
import { subjects } from "../subjects.js";
import { backoffMs, pause } from "../within.js";
import type { Batch } from "./record.js";

export interface Outgoing {
  readonly batch: Batch;
  /** Undefined when the disk has lost it. */
  load(): Buffer | Promise<Buffer | undefined>;
}

export interface SenderOptions {
  readonly connection: BusConnection;
  readonly agent: string;
  readonly log: BusLog;
  /** The bus has it, or it can never be sent, which is logged. */
  readonly onGone: (outgoing: Outgoing, how: "acked" | "lost") => void;
}

export interface Sender {
  add(outgoing: Outgoing): void;
  close(): void;
}

/** Messages on their way: of one deployment's events or log lines, and of all. */
const laneWindow = 16;
const totalWindow = 64;
const ackTimeoutMs = 5_000;
/** JetStream's code for a message that is larger than its stream allows. */
const messageTooLarge = 10054;

interface Lane {
  readonly deployment: string;
  readonly subject: string;
  /** Not acknowledged, in order; before `head` they are. */
  batches: Outgoing[];
  head: number;
  /** Index of the first that is not on its way. */
  next: number;
  readonly acked: Set<Outgoing>;
  inFlight: number;
  /** One of those on their way has failed: none follows until all are settled, then they go again from the first. */
  failed: boolean;
  failures: number;
  /** Changes whenever what is to be sent next does. */
  turn: number;
  running: boolean;
}

/**
 * Publishes batches until JetStream has acknowledged them. Each lane (events, or log lines, of one deployment) is in order: what may have
 * been stored or not is sent again with the same message id, before anything that came after it. The end of a deployment is sent when
 * everything before it is acknowledged.
 */
export function createSender({ connection, agent, log, onGone }: SenderOptions): Sender {
  const { nats } = connection;
  const stream = nats.jetstream({ timeout: ackTimeoutMs });
  const lanes = new Map<string, Lane>();
  const closed = new AbortController();
  let inFlight = 0;
  /** Counts connections: what was on its way in an earlier one has been given up. */
  let generation = 0;
  let troubled = false;

  const laneOf = ({ kind, deployment }: Batch): Lane => {
    const key = `${kind} ${deployment}`;
    let lane = lanes.get(key);
    if (!lane) {
      const subject = subjects[kind](agent, deployment);
      const fresh = { deployment, subject, batches: [], acked: new Set<Outgoing>() };
      lane = { ...fresh, head: 0, next: 0, inFlight: 0, failed: false, failures: 0, turn: 0, running: false };
      lanes.set(key, lane);
    }
    return lane;
  };

  const pump = () => {
    if (!connection.connected || closed.signal.aborted) return;
    for (const lane of lanes.values())
      if (!lane.running && maySend(lane))
        run(lane).catch((error: unknown) =>
          log.error({ error: String(error) }, "sending events has stopped"),
        );
  };

  /** The end waits for its deployment's other lane. */
  const held = (lane: Lane) => {
    const batch = lane.batches[lane.next]?.batch;
    if (!batch?.finished) return false;
    if (lane.next > lane.head) return true;
    for (const other of lanes.values()) {
      const waiting = other === lane ? undefined : other.batches[other.head]?.batch;
      if (waiting?.deployment === batch.deployment && waiting.attempt <= batch.attempt) return true;
    }
    return false;
  };

  const maySend = (lane: Lane) =>
    !lane.failed &&
    lane.next < lane.batches.length &&
    lane.inFlight < laneWindow &&
    inFlight < totalWindow &&
    connection.connected &&
    !closed.signal.aborted &&
    !held(lane);

  const run = async (lane: Lane) => {
    lane.running = true;
    try {
      while (maySend(lane)) {
        const outgoing = lane.batches[lane.next] as Outgoing;
        lane.next += 1;
        if (lane.acked.has(outgoing)) continue;
        const { turn } = lane;
        const body = await outgoing.load();
        if (!body) {
          log.error({ deployment: lane.deployment }, "unsent events were lost on disk");
          settled(lane, outgoing, "lost");
        } else if (turn === lane.turn) publish(lane, outgoing, body);
      }
    } finally {
      lane.running = false;
    }
  };

  const publish = (lane: Lane, outgoing: Outgoing, body: Buffer) => {
    const { deployment, attempt, firstSeq } = outgoing.batch;
    const sentIn = generation;
    lane.inFlight += 1;
    inFlight += 1;
    stream.publish(lane.subject, body, { msgID: `${deployment}.${attempt}.${firstSeq}` }).then(
      () => {
        if (sentIn === generation) leave(lane);
        if (troubled) log.info({}, "the bus takes events again");
        troubled = false;
        lane.failures = 0;
        settled(lane, outgoing, "acked");
      },
      (error: unknown) => {
        if (sentIn !== generation) return;
        leave(lane);
        if (apiErrorCode(error) === messageTooLarge) {
          log.error(
            { deployment, attempt, bytes: body.length },
            "events are too large for the bus and are lost",
          );
          return settled(lane, outgoing, "lost");
        }
        if (!troubled) log.warn({ error: String(error) }, "the bus does not take events; they wait on disk");
        troubled = true;
        if (!lane.failed) {
          lane.failures += 1;
          lane.turn += 1;
        }
        lane.failed = true;
        again(lane);
      },
    );
  };

  const leave = (lane: Lane) => {
    lane.inFlight -= 1;
    inFlight -= 1;
  };

  const settled = (lane: Lane, outgoing: Outgoing, how: "acked" | "lost") => {
    if (closed.signal.aborted) return; // it is sent again, and recognised
    if (lane.acked.has(outgoing) || lane.batches.indexOf(outgoing, lane.head) < 0) return; // a second acknowledgement
    lane.acked.add(outgoing);
    for (
      let first = lane.batches[lane.head];
      first && lane.acked.delete(first);
      first = lane.batches[lane.head]
    )
      lane.head += 1;
    lane.next = Math.max(lane.next, lane.head);
    if (lane.head > 512 && lane.head * 2 > lane.batches.length) {
      lane.batches = lane.batches.slice(lane.head);
      lane.next -= lane.head;
      lane.head = 0;
    }
    onGone(outgoing, how);
    if (lane.failed) again(lane);
    if (lane.head === lane.batches.length && lane.inFlight === 0 && !lane.running)
      for (const [key, one] of lanes) if (one === lane) lanes.delete(key);
    pump();
  };

  /** When nothing of a failed lane is on its way any more, it starts from its first again, after a while. */
  const again = (lane: Lane) => {
    if (lane.inFlight > 0) return;
    const began = generation;
    void pause(backoffMs(lane.failures, 50, 5_000), closed.signal).then(() => {
      if (began !== generation || !lane.failed || lane.inFlight > 0) return;
      restart(lane);
      pump();
    });
  };

  const restart = (lane: Lane) => {
    lane.failed = false;
    lane.turn += 1;
    lane.next = lane.head;
  };

  const offLost = connection.on("lost", () => {
    generation += 1;
    inFlight = 0;
    for (const lane of lanes.values()) {
      lane.inFlight = 0;
      restart(lane);
    }
  });
  const offBack = connection.on("back", pump);

  return {
    add: (outgoing) => {
      if (closed.signal.aborted) throw new GalleyError("internal", "The spool is closed.");
      laneOf(outgoing.batch).batches.push(outgoing);
      pump();
    },
    close: () => {
      offLost();
      offBack();
      closed.abort();
    },
  };
}
