import { GalleyError } from "../../errors/index.js";
import type { BusConnection } from "../connection.js";
import type { BusLog } from "../log.js";
import { subjects } from "../subjects.js";
import { type ClosedBatch, createBatcher, type SpooledEvent } from "./batcher.js";
import type { Batch } from "./record.js";
import { createSender, type Outgoing } from "./sender.js";
import { openStore, type Place } from "./store.js";

export interface SpoolOptions {
  /** For this spool alone, and one process at a time. */
  readonly directory: string;
  readonly connection: BusConnection;
  readonly agent: string;
  /**
   * Most bytes on disk. Log lines are dropped from three quarters of it on, so that there is always room for what says how a deployment
   * goes.
   */
  readonly maxBytes: number;
  readonly log: BusLog;
}

export interface Spool {
  /**
   * Takes an enveloped event of a deployment, and returns at once. `step.log` goes to LOGS, the rest to EVENTS. Events of an attempt come
   * in the order of their `seq`. A log event for which there is no room is dropped; before the next one there is a
   * `deployment.note` in its place that says how many were.
   * @throws `spool_full` when there is no room for another event; `bus_message_invalid` for one that no bus would take.
   */
  append(event: SpooledEvent): void;
  /**
   * Resolves when everything appended so far is safe: on disk, synced, or acknowledged by the bus.
   * @throws the signal's reason.
   */
  flush(signal: AbortSignal): Promise<void>;
  /** Resolves when the bus has acknowledged everything appended so far. */
  sent(signal: AbortSignal): Promise<void>;
  /** Events that the bus has not acknowledged. */
  readonly unsent: number;
  /** Log events dropped since the start. */
  readonly dropped: number;
  /** Writes what is not on disk yet, and sends no more; the rest is sent when the spool is opened again. */
  close(): Promise<void>;
}

/** An event that is larger is no event. The bus takes 1 MiB. */
const mostCharacters = 512 * 1024;
/** What waits for the disk, or could not be written to it. */
const mostInMemory = 32 * 1024 * 1024;
/** Beyond the bound, for `deployment.finished` alone: a deployment must be able to end. */
const roomForEnds = 1024 * 1024;
/** Bodies that are kept in memory though they are on disk, so that they need not be read again. */
const cachedBytes = 8 * 1024 * 1024;

interface Entry extends Outgoing {
  readonly batch: Batch;
  body: Buffer | undefined;
  readonly bytes: number;
  place: Place | undefined;
  gone: boolean;
}

/** Opens the spool, and sends what an earlier process left in it. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory, connection, agent, maxBytes, log } = options;
  const segmentBytes = Math.min(4 * 1024 * 1024, Math.max(64 * 1024, Math.floor(maxBytes / 16)));
  const store = await openStore(directory, segmentBytes, log);
  /** Not acknowledged, and of those the ones that are not synced to disk. */
  const live = new Set<Entry>();
  const unsafe = new Set<Entry>();
  const toWrite: Entry[] = [];
  const dropping = new Map<string, { first: SpooledEvent; count: number }>();
  const watchers = new Set<() => void>();
  let unsent = 0;
  let dropped = 0;
  let inMemory = 0; // bytes of bodies without a place
  let cached = 0; // bytes of bodies with one
  let full = false;
  let writing: Promise<void> | undefined;
  let closed = false;
  const lost = Promise.resolve(undefined);

  const changed = () => {
    for (const watcher of [...watchers]) watcher();
  };
  const forget = (entry: Entry) => {
    if (!entry.body) return;
    if (entry.place) cached -= entry.bytes;
    else inMemory -= entry.bytes;
    entry.body = undefined;
  };
  const makeEntry = (batch: Batch, body: Buffer | undefined, place: Place | undefined): Entry => {
    const entry: Entry = {
      batch,
      body,
      bytes: body?.length ?? 0,
      place,
      gone: false,
      load: () => entry.body ?? (entry.place ? store.read(entry.place).catch(() => undefined) : lost),
    };
    unsent += batch.count;
    live.add(entry);
    if (!place) unsafe.add(entry);
    return entry;
  };
  const sender = createSender({
    connection,
    agent,
    log,
    onGone: (outgoing) => {
      const entry = outgoing as Entry;
      entry.gone = true;
      live.delete(entry);
      unsafe.delete(entry);
      unsent -= entry.batch.count;
      forget(entry);
      if (entry.place) store.acknowledge(entry.place);
      changed();
    },
  });

  /** Writes what has gathered, in order, until nothing is left, and gives it to the sender. */
  const write = async () => {
    while (toWrite.length > 0) {
      let bytes = 0;
      const end = toWrite.findIndex((entry) => {
        bytes += entry.bytes;
        return bytes >= segmentBytes;
      });
      const entries = toWrite.splice(0, end < 0 ? toWrite.length : end + 1);
      const records = entries.map(({ batch, body }) => ({ batch, body: body as Buffer }));
      try {
        const places = await store.write(records);
        entries.forEach((entry, index) => {
          entry.place = places[index];
          inMemory -= entry.bytes;
          cached += entry.bytes;
        });
        if (entries.some(({ batch }) => batch.finished)) await sync(entries);
      } catch (error) {
        // They may still be sent, from memory.
        log.error({ error: (error as Error).message }, "events cannot be written to disk");
      }
      for (const entry of entries) {
        sender.add(entry);
        if (cached > cachedBytes && entry.place) forget(entry);
      }
      changed();
    }
  };
  const sync = async (entries: Iterable<Entry>) => {
    const written = [...entries].filter(({ place }) => place);
    await store.sync();
    for (const entry of written) unsafe.delete(entry);
  };
  const startWriting = () => {
    if (writing) return;
    writing = write()
      .catch((error: unknown) => log.error({ error: String(error) }, "the spool has stopped"))
      .finally(() => {
        writing = undefined;
        if (toWrite.length > 0) startWriting();
        changed();
      });
  };
  const take = ({ batch, body }: ClosedBatch) => {
    inMemory += body.length;
    toWrite.push(makeEntry(batch, body, undefined));
    startWriting();
  };
  const batcher = createBatcher({ onClosed: take });

  const used = () => store.bytes + inMemory + batcher.waiting;
  /** Once full for log lines, it is so until there is some room again. */
  const fullForLogs = () => {
    const most = maxBytes * 0.75;
    full = inMemory + batcher.waiting > mostInMemory || used() > (full ? most * 0.9 : most);
    return full;
  };
  const noteDropped = (key: string) => {
    const drop = dropping.get(key);
    if (!drop) return;
    dropping.delete(key);
    const { v, id, at, agent, project, environment, deployment, attempt, seq } = drop.first;
    const text = `${drop.count} log events are missing here: the agent could not keep them while the bus was away.`;
    const origin = { v, id, at, agent, project, environment, deployment, attempt, seq };
    const note = { ...origin, type: "deployment.note", text };
    batcher.add("logs", note, JSON.stringify(note));
  };

  for (const { batch, place } of store.left) sender.add(makeEntry(batch, undefined, place));
  if (store.left.length > 0) log.info({ events: unsent }, "events of an earlier run are sent now");

  /** Waits until `done` says so, which is asked after every change. */
  const until = (done: () => boolean, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const end = (act: () => void) => {
        watchers.delete(look);
        signal.removeEventListener("abort", abort);
        act();
      };
      const abort = () => end(() => reject(signal.reason));
      const look = () => {
        if (done()) end(resolve);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      watchers.add(look);
      look();
    });

  return {
    get unsent() {
      return unsent;
    },
    get dropped() {
      return dropped;
    },
    append: (event) => {
      if (closed) throw new GalleyError("internal", "The spool is closed.");
      const { deployment, attempt } = event;
      const kind = event.type === "step.log" ? "logs" : "events";
      subjects[kind](agent, deployment); // refuses ids that are none
      const text = JSON.stringify(event);
      const key = `${deployment} ${attempt}`;
      if (kind === "logs") {
        if (text.length > mostCharacters || fullForLogs()) {
          const drop = dropping.get(key) ?? { first: event, count: 0 };
          drop.count += 1;
          dropping.set(key, drop);
          dropped += 1;
          return;
        }
        noteDropped(key);
      } else {
        if (text.length > mostCharacters)
          throw new GalleyError(
            "bus_message_invalid",
            `An event ${event.type} has ${text.length} characters.`,
          );
        const last = event.type === "deployment.finished";
        const most = last ? maxBytes + roomForEnds : maxBytes;
        if (used() + text.length > most || inMemory > 2 * mostInMemory)
          throw new GalleyError(
            "spool_full",
            "There is no room on disk for events that the bus has not taken.",
            {
              hint: "Is the bus reachable? The room is set where the agent is configured.",
            },
          );
        if (last) noteDropped(key);
      }
      batcher.add(kind, event, text);
    },
    flush: async (signal) => {
      batcher.close();
      const wanted = [...unsafe];
      const written = allOf(wanted, ({ place, gone }) => place !== undefined || gone);
      await until(() => written() || !writing, signal);
      await sync(wanted).catch((error: unknown) =>
        log.error({ error: String(error) }, "events on disk may not survive a loss of power"),
      );
      await until(
        allOf(wanted, (entry) => !unsafe.has(entry)),
        signal,
      );
    },
    sent: async (signal) => {
      batcher.close();
      await until(
        allOf([...live], ({ gone }) => gone),
        signal,
      );
    },
    close: async () => {
      if (closed) return;
      closed = true;
      for (const key of [...dropping.keys()]) noteDropped(key);
      batcher.close();
      while (writing) await writing;
      sender.close();
      await store
        .sync()
        .catch((error: unknown) => log.error({ error: String(error) }, "the spool could not be synced"));
      await store.close();
    },
  };
}

/** Whether all are so. Once an entry is, it is not looked at again. */
function allOf(entries: readonly Entry[], so: (entry: Entry) => boolean): () => boolean {
  let seen = 0;
  return () => {
    for (let entry = entries[seen]; entry && so(entry); entry = entries[seen]) seen += 1;
    return seen === entries.length;
  };
}
