import type { ProgressRenderer } from "../../buildkit/index.js";
import type { Deployment } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { followDeployment } from "../api/follow-deployment.js";
import { DeploymentServices } from "../follow/deployment-services.js";
import { InOrder } from "../follow/in-order.js";

type Event = { readonly [field: string]: unknown };

export interface SideBySideOptions {
  readonly api: Api;
  readonly renderer: ProgressRenderer;
  /** See `DeploymentServicesOptions`. */
  readonly picture: boolean;
  readonly signal: AbortSignal;
}

/**
 * Follows deployments to their ends, all with one renderer: their builds are `pr-1/web`, `pr-2/api` and so on. Returns how each
 * ended, in the order given.
 */
export function followSideBySide(
  deployments: readonly Deployment[],
  options: SideBySideOptions,
): Promise<Deployment[]> {
  return Promise.all(deployments.map((deployment) => followOne(deployment, options)));
}

async function followOne(
  { id: deployment, environment: { name } }: Deployment,
  { api, renderer, picture, signal }: SideBySideOptions,
): Promise<Deployment> {
  const services = new DeploymentServices({
    renderer: () => renderer,
    nameOf: (service) => (service === undefined ? name : `${name}/${service}`),
    picture,
  });
  const order = new InOrder<{ attempt: number; seq: number; event: Event }>();
  let last = 1;
  const show = ({ attempt, event }: { attempt: number; event: Event }) => {
    if (attempt > last) services.forget();
    last = Math.max(last, attempt);
    services.show(event);
    if (event.type === "deployment.note" && typeof event.text === "string") renderer.note(name, event.text);
  };
  for await (const told of followDeployment({ api, deployment, signal })) {
    if (told.kind === "event") {
      const { attempt, seq } = told.event;
      if (typeof attempt !== "number" || typeof seq !== "number") continue;
      for (const one of order.push({ attempt, seq, event: told.event })) show(one);
    } else if (told.kind === "end") {
      for (const one of order.giveUp()) show(one);
      return told.deployment;
    }
  }
  throw signal.reason;
}
