import { connect } from "nats";
import { expect, test } from "vitest";
import { startNats } from "../support/nats.js";

test("a real nats-server starts with a configuration, and is the same one after it was killed", async () => {
  const server = await startNats({
    version: "2.9",
    config: ({ port, directory }) =>
      `host: "127.0.0.1"\nport: ${port}\njetstream { store_dir: "${directory}/js" }\n`,
  });
  try {
    const first = await connect({ servers: server.url });
    await (await first.jetstreamManager()).streams.add({ name: "S", subjects: ["s.>"] });
    await first.jetstream().publish("s.a", "hello");
    await first.close();
    await server.kill();
    await server.start();
    const second = await connect({ servers: server.url });
    const info = await (await second.jetstreamManager()).streams.info("S");
    expect(info.state.messages).toBe(1);
    await second.close();
  } finally {
    await server.remove();
  }
});
