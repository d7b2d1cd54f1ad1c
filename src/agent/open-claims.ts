/** A claim that is under way. */
export interface OpenClaim {
  /** The same for as long as no answer to it has come. */
  readonly id: string;
  /** The next claim of the deployment is another one. */
  answered(): void;
  /** Lets those go on who wait for it. */
  close(): void;
}

/** How many unanswered claims are remembered; one that is forgotten costs an attempt. */
const mostRemembered = 1_000;

/**
 * The claims of this agent. The id of one whose answer was lost is shown again, so that the server grants the same attempt again; and a
 * deployment is claimed once at a time, whatever the bus delivers twice.
 */
export class OpenClaims {
  readonly #newId: () => string;
  readonly #unanswered = new Map<string, string>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Resolves when the claim of the deployment that is under way has come to something; undefined when there is none. */
  underWay(deployment: string): Promise<void> | undefined {
    return this.#underWay.get(deployment);
  }

  open(deployment: string): OpenClaim {
    const id = this.#unanswered.get(deployment) ?? this.#newId();
    this.#unanswered.set(deployment, id);
    for (const oldest of this.#unanswered.keys()) {
      if (this.#unanswered.size <= mostRemembered) break;
      this.#unanswered.delete(oldest);
    }
    let done = () => {};
    this.#underWay.set(
      deployment,
      new Promise<void>((resolve) => {
        done = resolve;
      }),
    );
    return {
      id,
      answered: () => void this.#unanswered.delete(deployment),
      close: () => {
        this.#underWay.delete(deployment);
        done();
      },
    };
  }
}
