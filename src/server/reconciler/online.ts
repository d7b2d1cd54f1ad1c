export interface OnlineSettings {
  /** Milliseconds between heartbeats. */
  readonly heartbeatMs: number;
}

/** Heartbeats that may be missing before an agent is taken to be away. */
const missedBeats = 3;

/**
 * Whether an agent counts as online: one heartbeat makes it so, three missing ones unmake it. Silence from before the server
 * began to hear (`since`) unmakes nothing.
 */
export function isOnline(
  agent: { readonly revoked: boolean; readonly online: boolean; readonly seenAt: number | null },
  { now, since }: { readonly now: number; readonly since: number },
  { heartbeatMs }: OnlineSettings,
): boolean {
  if (agent.revoked || agent.seenAt === null) return false;
  const silentSince = agent.online ? Math.max(agent.seenAt, since) : agent.seenAt;
  return now - silentSince <= missedBeats * heartbeatMs;
}
