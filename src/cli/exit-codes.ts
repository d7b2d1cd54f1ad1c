/** What the process ends with; documented in every command's help. */
export const exitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
  /** What a shell says of a command that was ended by SIGPIPE. */
  closedOutput: 141,
} as const;
