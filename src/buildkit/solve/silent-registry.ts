import { BuildKitError } from "../errors.js";
import type { Digest, SolveStatus } from "../progress/types.js";
import { failureSwitch } from "./pending.js";

/** What the Dockerfile frontend calls the question for an image's manifest and configuration. */
const question = /^\[internal\] load metadata for (\S+)/;

export interface RegistryWatch {
  /** Takes in a Status message. */
  see(status: SolveStatus): void;
  /** Rejects with `registry_unreachable` when a registry has not answered for so long. Never resolves. */
  readonly silent: Promise<never>;
  stop(): void;
}

/**
 * Watches how long registries take to say what an image is: BuildKit waits for ever for one that accepts the connection and
 * never answers (20.10 and 28 over plain http; over TLS the handshake has a deadline of its own). `held`: messages may be on their
 * way that nobody has read yet, so nothing can be said of how long it took.
 */
export function watchRegistries(limitMs: number, held: () => boolean): RegistryWatch {
  const { failed: silent, fail } = failureSwitch();
  const asked = new Map<Digest, NodeJS.Timeout>();
  const forget = (digest: Digest) => {
    clearTimeout(asked.get(digest));
    asked.delete(digest);
  };
  const wait = (digest: Digest, image: string) => {
    const timer = setTimeout(() => {
      if (held()) wait(digest, image);
      else fail(silence(image, limitMs));
    }, limitMs);
    timer.unref();
    asked.set(digest, timer);
  };
  return {
    silent,
    see({ vertexes }) {
      for (const { digest, name, started, completed, error } of vertexes) {
        const image = question.exec(name)?.[1];
        if (image === undefined) continue;
        if (completed !== undefined || error) forget(digest);
        else if (started !== undefined && !asked.has(digest)) wait(digest, image);
      }
    },
    stop() {
      for (const digest of [...asked.keys()]) forget(digest);
    },
  };
}

function silence(image: string, limitMs: number): BuildKitError {
  const seconds = Math.round(limitMs / 1000);
  return new BuildKitError(
    "registry_unreachable",
    `The registry of ${image} has not said anything about the image for ${seconds} s.`,
    {
      hint: "It accepts connections and does not answer: check the registry, and the proxy or load balancer in front of it.",
    },
  );
}
