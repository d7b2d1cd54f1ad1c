/** What the ingress answers by itself. */
export interface Page {
  readonly status: number;
  readonly title: string;
  /** Sentences. Escaped where they are shown, as they repeat what was asked for. */
  readonly text: readonly string[];
}

/** Says nothing of what there is instead: whoever asks may not be meant to know. */
export function notFoundPage(host: string | undefined): Page {
  return {
    status: 404,
    title: "No preview here",
    text: [
      host === undefined
        ? "The request names no host, so that there is no telling which preview it is for."
        : `There is no preview at ${host.slice(0, 253)}.`,
      "It may still be starting, it may have been taken down, or the name is misspelt.",
      "The page of its pull request and `galley env ls` say where previews are.",
    ],
  };
}

export function unreachablePage(host: string, reason: string): Page {
  return {
    status: 502,
    title: "The preview does not answer",
    text: [
      `${host.slice(0, 253)} is here, but its service does not answer (${reason}).`,
      "It may be starting again: try again in a few seconds. Otherwise look at what it printed, with `galley env logs`.",
      "A service must listen on 0.0.0.0, not on 127.0.0.1 alone, and on the port that galley.yml gives in `expose`.",
    ],
  };
}

export const upgradePage: Page = {
  status: 400,
  title: "This cannot be passed on",
  text: ["A request that changes its protocol may have no body. Send it as HTTP/1.1 without `Upgrade`."],
};

/** As HTML for browsers, as text for everything else. */
export function pageBody(page: Page, accept: string | undefined): { type: string; body: string } {
  if (!accept?.includes("text/html"))
    return { type: "text/plain; charset=utf-8", body: `${page.title}\n\n${page.text.join("\n")}\n` };
  const paragraphs = page.text.map((sentence) => `<p>${escaped(sentence)}</p>`).join("\n");
  const style =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;color:#222;background:#fff}" +
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}";
  return {
    type: "text/html; charset=utf-8",
    body: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(page.title)}</title>
<style>${style}</style>
<h1>${escaped(page.title)}</h1>
${paragraphs}
</html>
`,
  };
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? "");
}
