import { useEffect, useRef, useState } from "react";
import { DeploymentModel } from "../model/deployment-model.js";
import { EventClock } from "../model/event-clock.js";
import type { Deployment } from "./answers.js";
import type { ApiError } from "./client.js";
import { followDeployment } from "./follow.js";

export interface Followed {
  readonly model: DeploymentModel;
  readonly deployment: Deployment | undefined;
  readonly connected: boolean;
  /** Everything that there will ever be has come. */
  readonly ended: boolean;
  readonly refused: ApiError | null;
  /** The time where the events are made. */
  now(): number;
}

/** Milliseconds between two pictures: a busy build tells hundreds of things a second. */
const pictureMs = 100;

/** A deployment, followed from its beginning. The component is drawn again when something has changed, ten times a second at most. */
export function useDeployment(id: string): Followed {
  const [, draw] = useState(0);
  const followed = useRef<{ id: string; state: MutableFollowed } | undefined>(undefined);
  if (followed.current?.id !== id) followed.current = { id, state: new MutableFollowed() };
  const { state } = followed.current;

  useEffect(() => {
    const ended = new AbortController();
    let planned: ReturnType<typeof setTimeout> | undefined;
    const changed = () => {
      planned ??= setTimeout(() => {
        planned = undefined;
        draw((count) => count + 1);
      }, pictureMs);
    };
    state.begin();
    void followDeployment(
      id,
      {
        clock: state.clock,
        onEvent: (event) => {
          state.model.apply(event);
          changed();
        },
        onDeployment: (deployment) => {
          state.deployment = deployment;
          changed();
        },
        onConnection: (connected) => {
          state.connected = connected;
          changed();
        },
        onEnd: (refused) => {
          state.ended = true;
          state.refused = refused;
          changed();
        },
      },
      ended.signal,
    );
    return () => {
      clearTimeout(planned);
      ended.abort();
    };
  }, [id, state]);

  return state;
}

class MutableFollowed implements Followed {
  model = new DeploymentModel();
  clock = new EventClock();
  deployment: Deployment | undefined;
  connected = true;
  ended = false;
  refused: ApiError | null = null;

  now(): number {
    return this.clock.at(Date.now());
  }

  /** From the beginning: another connection than before tells everything again. */
  begin(): void {
    this.model = new DeploymentModel();
    this.ended = false;
    this.refused = null;
  }
}
