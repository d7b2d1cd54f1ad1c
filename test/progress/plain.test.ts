import { expect, onTestFinished, test } from "vitest";
import { createRenderer, decodeRawJson, encodeRawJson } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { buildx, createContext, rawObjects } from "./buildx.js";
import { replay, TestClock, TestOutput } from "./recorded.js";

const dockerfile = `FROM busybox
ARG SALT
WORKDIR /app
COPY package.json ./
RUN echo "salt $SALT"; echo problem >&2; sleep 0.3; printf 'no end'
RUN echo said; exit 7
`;

/** Lines without what differs from run to run: numbers of steps, times, digests, the order of what runs at once. */
function lines(text: string): string[] {
  return (
    text
      .split("\n")
      .filter((line) => /^#\d+ (?!\.\.\.$|0 )/.test(line) && !line.startsWith("#0 "))
      .map((line) =>
        line
          .replace(/^#\d+ /, "")
          .replace(/^\d+\.\d+ /, "TIME ")
          .replace(/ \d+\.\d+s/g, "")
          .replace(/[0-9a-f]{64}/g, "DIGEST")
          // The second build of a context sends less than the first.
          .replace(/: \d+(\.\d\d[kM])?B/, ": SIZE"),
      )
      // Progress that is over within a tenth of a second is mentioned or not as it comes; its end always is.
      .filter((line) => !/^(transferring|resolve|exporting|sha256)/.test(line) || line.endsWith(" done"))
      .filter((line) => !/FROM|^CACHED$|^DONE$|^\[internal\]/.test(line))
  );
}

onEachEngine((engine) => {
  test("our plain output has the lines that buildx prints of the same build", async () => {
    const context = await createContext({ Dockerfile: dockerfile, "package.json": "{}" });
    onTestFinished(context.remove);
    const args = ["--no-cache", "--build-arg", `SALT=${Date.now()}`, context.path];
    const theirs = await buildx(engine, "plain", args);
    const output = new TestOutput();
    const clock = new TestClock();
    const renderer = createRenderer({ mode: "plain", output, clock, color: false });
    const messages = rawObjects(await buildx(engine, "rawjson", args)).map(
      (message) => decodeRawJson(JSON.stringify(message))!,
    );
    expect(messages.map(encodeRawJson).join("\n")).toContain('"error"');
    replay(messages, clock, (status) => renderer.update(undefined, status));
    renderer.finish(undefined, { kind: "cancelled" });
    await renderer.close();
    expect(new Set(lines(output.text))).toEqual(new Set(lines(theirs)));
    expect(lines(output.text)).toContain("TIME no end");
  });
});
