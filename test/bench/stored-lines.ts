import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { logsAnswer } from "../../src/cli/api/answers.js";
import type { Api } from "../../src/cli/api/client.js";

type Page = z.infer<typeof logsAnswer>;

/** The first line of a deployment's log that the server has. */
export async function firstLine(api: Api, deployment: string): Promise<Page["lines"][number]> {
  const { lines } = await pageAfter(api, deployment, 0, 1);
  if (!lines[0]) throw new Error(`the server has no log of ${deployment}`);
  return lines[0];
}

/**
 * Resolves when the newest line that the server has is this one. It is looked for in strides, as reading all would be load of its own; and
 * where nothing has come ten times a second, as the server answers no more than 1,200 requests a minute.
 */
export async function untilStored(
  api: Api,
  deployment: string,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + 120_000;
  let last = 0;
  let newest: string | undefined;
  for (let stride = 512; ; ) {
    const { lines, next } = await pageAfter(api, deployment, last + stride - 1, 1);
    if (lines.length > 0) {
      last = next;
      newest = lines.at(-1)?.text;
      stride *= 2;
    } else if (stride > 1) stride /= 2;
    else if (newest === text) return;
    else if (performance.now() > deadline)
      throw new Error(`the newest line of ${deployment} is not ${text} but ${newest}`);
    else await delay(100, undefined, { signal });
  }
}

/** How many lines the server has, read page by page. `unexpected` says where they first differ from what `seq` prints. */
export async function countStored(
  api: Api,
  deployment: string,
): Promise<{ readonly lines: number; readonly unexpected: string | undefined }> {
  let count = 0;
  let before = "";
  let unexpected: string | undefined;
  for (let after = 0; ; ) {
    const { lines, next } = await pageAfter(api, deployment, after, 200);
    for (const { text } of lines) {
      count++;
      if (text !== String(count))
        unexpected ??= `line ${count} is ${JSON.stringify(text)}, after ${JSON.stringify(before)}`;
      before = text;
    }
    if (lines.length === 0) return { lines: count, unexpected };
    after = next;
  }
}

const pageAfter = (api: Api, deployment: string, after: number, limit: number): Promise<Page> =>
  api.get(`/deployments/${deployment}/logs?after=${after}&limit=${limit}`, logsAnswer);
