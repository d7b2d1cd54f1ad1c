/** What agents want of the bus. All reject with `bus_unreachable` when it is away; `issue` does not need it. */
export interface AgentBus {
  /** The credential that lets the holder of the key be that agent. Throws `invalid_request` when it is no user's public nkey. */
  issue(request: {
    readonly agent: string;
    readonly publicKey: string;
    readonly expiresAt: Date;
  }): Promise<string>;
  /** Refuses what was issued for the key until now, and cuts its connection. */
  revoke(publicKey: string): Promise<void>;
  /** The consumer from which the agent, and nobody else, gets its jobs is there afterwards. */
  ensureConsumer(agent: string): Promise<void>;
  /** Takes it away, with the jobs that wait in it. */
  removeConsumer(agent: string): Promise<void>;
}
