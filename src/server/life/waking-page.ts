import { createHash } from "node:crypto";

/** What is with a preview whose host was asked for, and that nobody answers for but us. */
export type Waiting = "unknown" | "waking" | "failed" | "building" | "ready";

interface Page {
  readonly status: number;
  readonly title: string;
  /** Sentences. */
  readonly text: readonly string[];
  /** Seconds until the page looks again by itself; undefined: it does not. */
  readonly again?: number;
}

// Says nothing of what there is, nor of why something failed: whoever asks may not be meant to know.
const pages: Readonly<Record<Waiting, Page>> = {
  unknown: {
    status: 404,
    title: "No preview here",
    text: [
      "It may have been taken down, or the name is misspelt.",
      "The page of its pull request and `galley env ls` say where previews are.",
    ],
  },
  waking: {
    status: 503,
    title: "The preview is waking up",
    text: [
      "Nobody has used it for a while, so it was put to sleep. It is being started again.",
      "This page goes on to it by itself.",
    ],
    again: 2,
  },
  failed: {
    status: 503,
    title: "The preview could not be woken",
    text: ["`galley env show` says why. It is tried again in half a minute."],
    again: 10,
  },
  building: {
    status: 503,
    title: "The preview is being built",
    text: ["This page goes on to it by itself."],
    again: 5,
  },
  ready: {
    status: 503,
    title: "The preview is nearly there",
    text: ["It runs; its address will be known in a moment.", "This page goes on to it by itself."],
    again: 2,
  },
};

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;color:#222;background:#fff}" +
  "h1{font-size:1.4rem}p{margin:.6rem 0}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}";

/** Nothing is loaded and nothing is run. */
const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** As HTML for browsers, as text for everything else. The page looks again by itself, at the very address that was asked for. */
export function waitingAnswer(waiting: Waiting, html: boolean): Answer {
  const { status, title, text, again } = pages[waiting];
  const headers = {
    "cache-control": "no-store",
    "x-robots-tag": "noindex",
    ...(again === undefined ? {} : { "retry-after": String(again) }),
  };
  if (!html)
    return {
      status,
      headers: { ...headers, "content-type": "text/plain; charset=utf-8" },
      body: `${title}\n\n${text.join("\n")}\n`,
    };
  const refresh = again === undefined ? "" : `<meta http-equiv="refresh" content="${again}">`;
  return {
    status,
    headers: { ...headers, "content-type": "text/html; charset=utf-8", "content-security-policy": policy },
    body:
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}` +
      `<title>${title}</title><style>${style}</style><h1>${title}</h1>${text.map((sentence) => `<p>${sentence}</p>`).join("")}</html>\n`,
  };
}
