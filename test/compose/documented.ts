/** The commands of the documents as compose.test.ts runs them: what the documents say is held to them in test/documents. */
export const documented = {
  up: ["up", "-d"],
  agent: ["up", "-d", "galley-agent"],
  another: ["-p", "rack-2", "up", "-d", "--no-deps", "galley-agent"],
  removeAnother: ["-p", "rack-2", "rm", "--stop", "--force", "galley-agent"],
  logs: ["logs", "galley-agent"],
  caches: ["exec", "galley-agent", "galley", "cache", "ls"],
  down: ["down", "--volumes"],
} as const;
