export interface ReadOptions {
  /** The project's variables, for `${NAME}` of compose files: they win over the repository's `.env`. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Names of the project's secrets, whose values are put in later. Absent: there may be any, as where a file is tried out. */
  readonly secretNames?: readonly string[] | undefined;
}
