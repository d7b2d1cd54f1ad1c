/** The commands of docs/install.md and the README as compose.test.ts runs them: what the documents say is held to them. */
export const documented = {
  up: ["up", "-d"],
  agent: ["up", "-d", "galley-agent"],
  another: ["-p", "rack-2", "up", "-d", "--no-deps", "galley-agent"],
  removeAnother: ["-p", "rack-2", "rm", "--stop", "--force", "galley-agent"],
  logs: ["logs", "galley-agent"],
  down: ["down", "--volumes"],
} as const;
