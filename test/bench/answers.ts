import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** What a URL answers. As browsers do, every name below `localhost` is taken for this machine. */
export function ask(
  url: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const { host, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
    const asked = request(
      { host: "127.0.0.1", port, path: pathname, agent: false, headers: { host }, signal: limit },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
        answer.on("error", reject);
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}

/** Asks until the answer is 200 and has the text in it. Throws with the last answer after two minutes. */
export async function untilAnswers(url: string, text: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const said = await ask(url, signal).catch((error: Error) => ({ status: 0, body: error.message }));
    if (said.status === 200 && said.body.includes(text)) return;
    signal.throwIfAborted();
    if (performance.now() > deadline)
      throw new Error(`${url} does not answer with ${text} but ${said.status}:\n${said.body.slice(0, 2000)}`);
    await delay(10, undefined, { signal });
  }
}
