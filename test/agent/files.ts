// Repositories of busybox alone: what is tested is the way from a pull request to running containers.

const run = (command: string) => ["sh", "-c", command];
/** Ends at once when it is told to. */
export const idle = run("trap 'exit 0' TERM; sleep 3600 & wait");

export const manifest = (services: object): string => JSON.stringify({ version: 1, services });

const salt = `${Math.random()}\n`;

/** Two services built from one context, of which one is there twice, and one that is only pulled. */
export const shop = (changes: Record<string, string> = {}): Record<string, string> => ({
  "galley.yml": manifest({
    front: { kind: "web", build: { dockerfile: "front.Dockerfile" }, expose: 8080, depends_on: ["back"] },
    back: { build: { dockerfile: "back.Dockerfile" }, command: idle },
    again: { build: { dockerfile: "back.Dockerfile" }, command: idle },
    store: { image: "busybox:latest", command: idle },
  }),
  "front.Dockerfile":
    'FROM busybox\nSTOPSIGNAL SIGKILL\nCOPY front /www\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n',
  "back.Dockerfile": "FROM busybox\nCOPY back /srv\nRUN echo made-$(cat /srv/word)\n",
  "front/index.html": "one\n",
  "back/word": "ahoy\n",
  // Else the engine has the steps from an earlier run, and prints nothing.
  "back/salt": salt,
  "README.md": "nobody builds this\n",
  ...changes,
});

/** One service whose build prints and waits. `marker` is in the command line of its step. */
export const slow = (seconds: number, marker = ""): Record<string, string> => ({
  "galley.yml": manifest({ web: { build: {}, command: idle } }),
  Dockerfile: `FROM busybox\nCOPY salt /salt\nRUN : ${marker}; echo begun; for i in $(seq ${seconds}); do echo line $i; sleep 1; done; echo over\n`,
  salt: `${Math.random()}\n`,
});
