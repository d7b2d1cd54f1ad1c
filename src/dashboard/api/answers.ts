// What the API answers, as far as the pages show it (its own description: /api/v1/openapi.json).

export interface User {
  readonly id: string;
  readonly email: string;
}

export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  readonly draining: boolean;
  readonly createdAt: string;
  readonly seenAt: string | null;
  readonly version: string | null;
  readonly slots: number;
  readonly used: number;
  readonly engine: { readonly version: string; readonly api: string; readonly store: string } | null;
  /** Bytes; `caches`: what is kept for repositories, where the agent has said it. */
  readonly disk: { readonly free: number; readonly total: number; readonly caches?: number } | null;
  readonly unsent: number;
  readonly token: { readonly state: "unused" | "used" | "expired"; readonly expiresAt: string | null } | null;
}

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly credential: { readonly kind: "token" | "ssh"; readonly changedAt: string } | null;
  readonly secrets: readonly { readonly key: string; readonly changedAt: string }[];
  readonly registries: readonly {
    readonly host: string;
    readonly username: string;
    readonly changedAt: string;
  }[];
}

export interface Deployment {
  readonly id: string;
  readonly project: string;
  readonly environment: { readonly id: string; readonly name: string; readonly pr: number | null };
  readonly number: number;
  readonly kind: "deploy" | "terminate";
  readonly state: string;
  readonly final: boolean;
  readonly ref: string;
  readonly commit: string | null;
  readonly subject: string | null;
  readonly author: string | null;
  readonly useCache: boolean;
  /** The word of whoever asked for it. */
  readonly fork: boolean | null;
  /** What its agent has made of it: the code is treated as a fork's. */
  readonly asFork: boolean | null;
  readonly requestedBy: string;
  readonly agent: string | null;
  readonly attempt: number;
  readonly cancelling: string | null;
  readonly createdAt: string;
  readonly claimedAt: string | null;
  readonly finishedAt: string | null;
  readonly duration: number | null;
  readonly url: string | null;
  readonly services: readonly unknown[] | null;
  readonly plan: readonly unknown[] | null;
  readonly error: unknown;
}

export interface Environment {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly pr: number | null;
  readonly state: string;
  /** The deployment whose containers serve. */
  readonly deployment: string | null;
  readonly url: string | null;
  readonly pinned: boolean;
  readonly expiresAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** As the list has it. */
export interface ListedEnvironment extends Environment {
  readonly latest: Deployment | null;
}
