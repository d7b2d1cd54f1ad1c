// An agent of its own process that appends to a spool as fast as it can, so that a test can kill it. Says after each flush how far it is.
import { connectBus, openSpool, subjects } from "../../src/bus/index.js";
import { testLog } from "../support/bus.js";
import { eventsOf } from "./events.js";

interface Settings {
  servers: string;
  jwt: string;
  seed: string;
  directory: string;
  deployment: string;
}

const { servers, jwt, seed, directory, deployment } = JSON.parse(process.env.SETTINGS ?? "") as Settings;
const log = testLog();
const signal = new AbortController().signal;
const connection = await connectBus({
  servers,
  credential: () => jwt,
  seed,
  inbox: subjects.inbox("a1"),
  name: "a1",
  log,
  signal,
});
const spool = await openSpool({ directory, connection, agent: "a1", maxBytes: 256 * 1024 * 1024, log });
const made = eventsOf("a1", deployment);
process.stdout.write("ready\n");
for (let appended = 0; ; ) {
  for (let line = 0; line < 500; line += 1) spool.append(made.log());
  appended += 500;
  await spool.flush(signal);
  process.stdout.write(`${appended}\n`);
}
