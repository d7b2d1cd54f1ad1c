// A context that comes as a stream: the daemon fetches it from the session by an address that it never dials.

import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { BuildKitClient, createUpload } from "../../src/buildkit/index.js";
import { engineEnv, onEachEngine } from "../support/engines.js";
import { nonce } from "./session-build.js";

onEachEngine((engine) => {
  test("builds a tar stream, Dockerfile and files, that is read once", async () => {
    const upload = createUpload();
    const tar = pack();
    const word = nonce();
    tar.entry({ name: "Dockerfile" }, "FROM busybox\nCOPY . /c\nRUN cat /c/dir/word && wc -c < /c/big\n");
    tar.entry({ name: "dir/word" }, word);
    tar.entry({ name: "big" }, Buffer.alloc(6_000_000));
    tar.finalize();
    const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
    let log = "";
    try {
      await client.solve({
        services: [upload.service],
        frontendAttrs: { context: upload.add(Readable.from(tar)) },
        onStatus: ({ logs }) => {
          for (const { data } of logs) log += Buffer.from(data).toString();
        },
      });
    } finally {
      client.close();
    }
    expect(log).toContain(word);
    expect(log).toContain("6000000");
  });
});
