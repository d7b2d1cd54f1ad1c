import type { GalleyErrorCode } from "../../errors/index.js";
import type { DeploymentError } from "./end.js";

/** An error in the form in which agents report theirs, so that readers know one form. */
export const failure = (
  code: GalleyErrorCode,
  message: string,
  hint: string | null = null,
): DeploymentError => ({
  code,
  message,
  hint,
  step: null,
  command: null,
  exitCode: null,
  dockerfile: null,
  logTail: [],
});

/** Ends that the server itself decides on, each with what a person can do. */
export const failures = {
  superseded: () => failure("superseded", "A newer request for the same environment took its place."),
  agent_lost_contact: () =>
    failure(
      "agent_lost_contact",
      "The agent that runs the deployment was not heard of any more.",
      "See that the agent runs and reaches the message bus, then deploy again. If it comes back with the deployment done, that counts.",
    ),
  agent_revoked: () =>
    failure(
      "agent_revoked",
      "The agent that ran the deployment was revoked.",
      "Deploy again: another agent takes it.",
    ),
  job_expired: () =>
    failure(
      "job_expired",
      "No agent took the deployment in time.",
      "See with `galley agent ls` whether an agent is online and has a free slot, then deploy again.",
    ),
  too_many_attempts: () =>
    failure(
      "too_many_attempts",
      "The deployment was started again and again, and no attempt came to an end.",
      "Look at the agent's own log for why it stopped, for example for want of memory or disk.",
    ),
  container_failed: () =>
    failure(
      "container_failed",
      "The preview's containers are gone from the agent.",
      "Deploy again. If it happens again, see what removes containers on the agent's machine.",
    ),
  bus_message_invalid: () =>
    failure(
      "bus_message_invalid",
      "The agent reported an end that does not fit what was asked of it.",
      "See that agent and server are of the same version.",
    ),
} as const;
