// A build that something happens to while one of its steps runs.
import type { BuildKitClient, BuildKitError, SolveStatus } from "../../src/buildkit/index.js";
import { failureOfDockerfile } from "./failing-build.js";

/** Builds a step that would run for minutes, and calls back once, when it runs. */
export function failureWhileRunning(
  client: BuildKitClient,
  onRunning: () => unknown,
  options: { readonly signal?: AbortSignal } = {},
): Promise<BuildKitError> {
  let seen = false;
  const onStatus = ({ logs }: SolveStatus) => {
    if (seen || !logs.some(({ data }) => Buffer.from(data).includes("it runs"))) return;
    seen = true;
    onRunning();
  };
  const dockerfile = `FROM busybox\nRUN echo it runs ${Math.random()} && sleep 300\nRUN true\n`;
  return failureOfDockerfile(client, dockerfile, { ...options, onStatus });
}
