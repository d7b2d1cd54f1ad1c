/** Whose event it is. All null in a local `galley build`, where there is no agent and nothing is deployed. */
export interface EventOrigin {
  readonly agent: string | null;
  readonly project: string | null;
  readonly environment: string | null;
  readonly deployment: string | null;
  /** The delivery number of the deployment's job, from 1; 1 where there is no job. */
  readonly attempt: number;
}

/** What every event carries (DESIGN §6), followed by what the event itself says. */
export type GalleyEvent<Body extends { readonly type: string }> = {
  /** Version of this form. */
  readonly v: 1;
  /** Unique; two events with the same id are the same event, delivered twice. */
  readonly id: string;
  /** RFC 3339, when it was made, by the clock of the machine that runs the build. */
  readonly at: string;
  /** From 1, without gaps per (deployment, attempt): who reads sees loss. */
  readonly seq: number;
  readonly service?: string;
} & EventOrigin &
  Body;

export interface EnvelopeOptions extends Partial<EventOrigin> {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** For example `crypto.randomUUID`. */
  readonly newId: () => string;
  /** The first number given out. Default 1; an agent that takes a deployment up again goes on where it was. */
  readonly firstSeq?: number;
}

/** Makes the function that puts events into their envelope, in order. One for each (deployment, attempt). */
export function createEventEnvelope(
  options: EnvelopeOptions,
): <Body extends { readonly type: string }>(event: Body, service?: string) => GalleyEvent<Body> {
  const { agent = null, project = null, environment = null, deployment = null, attempt = 1 } = options;
  let seq = options.firstSeq ?? 1;
  return (event, service) => {
    const number = seq;
    seq += 1;
    return {
      v: 1,
      id: options.newId(),
      at: new Date(options.now()).toISOString(),
      agent,
      project,
      environment,
      deployment,
      attempt,
      seq: number,
      ...(service === undefined ? {} : { service }),
      ...event,
    };
  };
}
