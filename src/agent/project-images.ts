/**
 * Keeps apart deployments of a project, whose images have no containers yet, and the removal of its images that have none. One per agent.
 */
export class ProjectImages {
  readonly #using = new Map<string, number>();
  readonly #sweeps = new Map<string, Promise<void>>();

  /** Does something that needs the images of a project; waits for a removal that is under way. */
  async use<Result>(project: string, work: () => Promise<Result>): Promise<Result> {
    await this.#sweeps.get(project);
    this.#using.set(project, (this.#using.get(project) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#using.get(project) ?? 1) - 1;
      if (left === 0) this.#using.delete(project);
      else this.#using.set(project, left);
    }
  }

  /** Removes images unless somebody uses them: then it is left to a later one. */
  async sweep(project: string, remove: () => Promise<unknown>): Promise<void> {
    if (this.#using.has(project) || this.#sweeps.has(project)) return;
    const removing = remove();
    this.#sweeps.set(
      project,
      removing.then(
        () => {},
        () => {},
      ),
    );
    try {
      await removing;
    } finally {
      this.#sweeps.delete(project);
    }
  }
}
