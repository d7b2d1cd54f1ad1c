import type { Place } from "../text/located.js";

/** What a service's build wants beside what its Dockerfile says: where the tree has none, one is made of it. */
export interface BuildWish {
  readonly service: string;
  /** Of the build in its file. */
  readonly place: Place;
  /** The file names a Dockerfile: then it has to be there. */
  readonly dockerfileGiven: boolean;
  /** A line of the shell, run after the dependencies are there. */
  readonly command?: string | undefined;
  readonly start?: readonly string[] | undefined;
}
