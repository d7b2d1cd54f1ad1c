import type { Msg, NatsConnection } from "nats";
import { expect, test } from "vitest";
import { asDelivery } from "./delivery.js";

/** Only what `asDelivery` reads; `said` is what it publishes. */
function delivered(reply: string | undefined) {
  const said: [string, string][] = [];
  const nats = {
    isClosed: () => false,
    publish: (subject: string, body: string) => void said.push([subject, body]),
  } as unknown as NatsConnection;
  const message = { subject: "galley.jobs.a1", data: new Uint8Array(), reply } as unknown as Msg;
  return { delivery: asDelivery(message, nats), said };
}

test.each([
  ["as most servers say it", "$JS.ACK.JOBS.agent-a1.3.17.5.1700000000000000000.0"],
  ["with domain and account", "$JS.ACK._.h4sh.JOBS.agent-a1.3.17.5.1700000000000000000.0"],
  ["with a random last token", "$JS.ACK.hub.h4sh.JOBS.agent-a1.3.17.5.1700000000000000000.0.r4nd"],
])("which delivery it is, %s", (_, reply) => {
  expect(delivered(reply).delivery).toMatchObject({ delivery: 3, sequence: 17 });
});

test.each([
  undefined,
  "",
  "_INBOX.x",
  "$JS.ACK.JOBS.agent-a1.3.17",
  "$JS.API.A.B.C.D.E.F.G",
  "$JS.ACK.JOBS.agent-a1.x.17.5.1.0",
  "$JS.ACK.JOBS.agent-a1.0.17.5.1.0",
])("what no consumer delivered is no delivery: %j", (reply) => {
  expect(delivered(reply).delivery).toBeUndefined();
});

test("what is said of it goes where the bus wants it", () => {
  const reply = "$JS.ACK.JOBS.agent-a1.3.17.5.1700000000000000000.0";
  const { delivery, said } = delivered(reply);
  delivery!.working();
  delivery!.nak(0);
  delivery!.nak(1_500);
  delivery!.ackSoon();
  delivery!.term();
  expect(said).toEqual(
    ["+WPI", "-NAK", '-NAK {"delay":1500000000}', "+ACK", "+TERM"].map((body) => [reply, body]),
  );
});
