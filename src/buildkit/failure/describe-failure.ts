import { abortAfter } from "../deadline.js";
import type { BuildKitError } from "../errors.js";
import type { ContextTree } from "../fsutil/tree.js";
import { askRepository } from "./ask-repository.js";
import { readContextFacts } from "./context-facts.js";
import type { FailureKnown } from "./known.js";
import { imageOf } from "./rules/registry.js";
import { symptomOf } from "./symptom.js";
import { toBuildError } from "./to-build-error.js";

const registryDeadlineMs = 3000;

/**
 * `toBuildError` with what a second look can add: into the served trees (which must still be open), and, where a base image
 * was not found, at its registry, to tell a missing tag from a missing repository. Never throws; takes five seconds at most.
 */
export async function describeFailure(
  error: unknown,
  known: FailureKnown,
  trees?: Readonly<Record<string, ContextTree>>,
): Promise<BuildKitError> {
  if (known.aborted) return toBuildError(error, known);
  const all = { ...(await readContextFacts(trees, known.frontendAttrs)), ...known };
  const described = toBuildError(error, all);
  if (described.code !== "base_image_not_found" || all.repository !== undefined) return described;
  const image = imageOf(symptomOf(error, all));
  if (image === undefined) return described;
  const repository = await askRepository(image, abortAfter(registryDeadlineMs));
  return repository === undefined ? described : toBuildError(error, { ...all, repository });
}
