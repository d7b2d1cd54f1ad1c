// Lines of the documents that other tests run, as they bring up or take down what only they have: each with the file that runs it and words in
// that file, so that it cannot go there unnoticed.
import { documented } from "../compose/documented.js";

interface Elsewhere {
  readonly file: string;
  readonly words: readonly string[];
}

const inUp = (...words: string[]): Elsewhere => ({ file: "test/up/up.test.ts", words });
const inCompose = (word: string): Elsewhere => ({ file: "test/compose/compose.test.ts", words: [word] });
/** Every run of CI types these two. */
const inCi = (line: string): Elsewhere => ({ file: ".ci/run", words: [`${line} < /dev/null`] });
const compose = Object.entries(documented).map(([name, args]) => [
  `docker compose ${args.join(" ")}`,
  inCompose(`documented.${name}`),
]);

export const elsewhere: Readonly<Record<string, Elsewhere>> = {
  "npm run up": inUp("../../scripts/up.mjs"),
  // What scripts/up.mjs calls, with other repositories and numbers; and once more while all of it is there.
  "galley up --project shop=https://github.com/acme/shop.git --pr shop#7": inUp("up = new Up()", "up.urls()"),
  "galley up": inUp("found again by the next start"),
  "galley down": inUp('run(["down"'),
  // The line that `npm run up` prints is typed, with its own path.
  "galley down --data-dir .galley": inUp("What takes the previews down: (.*)"),
  "npx galley down --data-dir .galley": inUp("What takes the previews down: (.*)"),
  "npm test": inCi("npm test"),
  "npm run check": inCi("npm run check"),
  "npm run images": inCompose('npmRun("images", engine)'),
  "export GALLEY_AGENT_TOKEN=galley_agt_…": inCompose("env: { GALLEY_AGENT_TOKEN: other }"),
  ...Object.fromEntries(compose),
};
