import type { BuildKitError } from "../errors.js";
import type { StepSourceMap } from "../solve/types.js";
import type { FailureEvidence } from "./evidence.js";

/**
 * What the caller knows about a solve that ended badly, beside the error itself. Only `aborted` is required: everything
 * else narrows the answer, and its absence costs precision, never correctness.
 */
export interface FailureKnown {
  /** The caller's own AbortSignal has fired. Wins over whatever the daemon says, because that is only the echo. */
  readonly aborted: boolean;
  /** `signal.reason`: a `TimeoutError` makes the code `timeout`, everything else `cancelled`. */
  readonly abortReason?: unknown;
  /** The collector that was fed with every `SolveStatus` of this solve. */
  readonly evidence?: FailureEvidence;
  /** The lines of every step, where gateway mode gave them: the only source of lines for failing steps on 20.10. */
  readonly sourceMap?: StepSourceMap;
  /** The Dockerfile as it was served, for syntax errors on engines that send no source with the error. */
  readonly dockerfile?: { readonly name: string; readonly text: string };
  /** What a service of our session failed with (a file that changed, an unreadable secret). Wins over the daemon's echo. */
  readonly servedError?: BuildKitError;
  /**
   * What services of our session answered calls with (`onCallError`), whether or not the daemon could do without. The one
   * whose sentence the daemon repeats is the failure: a login that a token server refused, a secret that cannot be read.
   */
  readonly callErrors?: readonly BuildKitError[];
  /** The session's connection ended before the solve did. */
  readonly sessionLost?: boolean;
  /** The channel that carried the solve broke: the daemon died, was restarted, or cut us off. */
  readonly channelLost?: boolean;
  /** The encoded `google.rpc.Status` of the build's history record (inline on 26, blob `externalError` on 28). */
  readonly historyStatus?: Uint8Array;
  /** Frontend attributes of the solve: `target`, `platform`, `filename`, and build arguments that may hold credentials. */
  readonly frontendAttrs?: Readonly<Record<string, string>>;
  /** Registry hosts that were given a user and password or token: tells "wrong password" from "login required". */
  readonly credentialsSentTo?: Iterable<string>;
  /** Patterns of the `.dockerignore` that was in force, in order, for the hint of a missing COPY source. */
  readonly ignorePatterns?: readonly string[];
  /** Paths of the context, or some of them (its top level is enough), for "did you mean". Relative, with `/`. */
  readonly contextNames?: readonly string[];
  /** Whether the registry knows the repository of the missing image, where somebody has asked it. */
  readonly repository?: "present" | "missing";
  /** Where the daemon was dialled, for sentences about the connection; must not contain credentials. */
  readonly endpoint?: string;
}
