// What the tests of session services share: a small build on one engine, over either way to open a session.
import { randomBytes } from "node:crypto";
import {
  BuildKitClient,
  BuildKitError,
  createFilesTree,
  type SolveOptions,
  type SolveStatus,
} from "../../src/buildkit/index.js";
import { solve } from "../../src/buildkit/solve/solve.js";
import { openSessionTunnel } from "../../src/buildkit/transport/session-tunnel.js";
import type { BuildKitTransport } from "../../src/buildkit/transport/transport.js";
import { engineEnv, type LabEngine } from "../support/engines.js";

/** `upgrade`: POST /session of the Docker Engine; `tunnel`: Control.Session on a gRPC channel, as a buildkitd has it. */
export type SessionDialKind = "upgrade" | "tunnel";
export const dialKinds = ["upgrade", "tunnel"] as const satisfies readonly SessionDialKind[];

/** Makes a step that no other run has built. */
export const nonce = (): string => randomBytes(8).toString("hex");

export interface Outcome {
  readonly error: BuildKitError | undefined;
  readonly exporterResponse: Readonly<Record<string, string>>;
  /** All output of the steps. */
  readonly log: string;
  /** Everything that came as progress, for searching. */
  readonly statuses: string;
}

/** Builds a Dockerfile that stands alone and says how it went. */
export async function build(
  engine: LabEngine,
  dockerfile: string,
  options: Omit<SolveOptions, "trees" | "onStatus"> & { readonly dial?: SessionDialKind } = {},
): Promise<Outcome> {
  const { dial = "upgrade", ...rest } = options;
  const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
  const tree = createFilesTree(new Map([["Dockerfile", dockerfile]]));
  const statuses: SolveStatus[] = [];
  const transport = dial === "tunnel" ? tunnelled(client.transport) : client.transport;
  try {
    const solving = solve(transport, {
      ...rest,
      trees: { context: tree, dockerfile: tree },
      onStatus: (status) => statuses.push(status),
    });
    const done = await solving.then(
      ({ exporterResponse }) => ({ exporterResponse, error: undefined }),
      (error: unknown) => {
        if (!(error instanceof BuildKitError)) throw error;
        return { exporterResponse: {}, error };
      },
    );
    const logs = statuses.flatMap((status) => status.logs.map(({ data }) => Buffer.from(data)));
    return { ...done, log: Buffer.concat(logs).toString(), statuses: searchable(statuses) };
  } finally {
    client.close();
    await tree.close();
  }
}

function tunnelled(transport: BuildKitTransport): BuildKitTransport {
  return {
    ...transport,
    openSession: async (headers) => {
      const channel = transport.openChannel();
      return openSessionTunnel(channel.client, headers, () => channel.close());
    },
  };
}

/** JSON with bytes as text, so that a secret is found wherever it is. */
function searchable(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === "bigint") return String(field);
    return field instanceof Uint8Array ? Buffer.from(field).toString() : field;
  });
}
