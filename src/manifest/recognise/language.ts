import type { Repository } from "../repository.js";
import type { Findings } from "../text/findings.js";
import type { Place } from "../text/located.js";

/** A directory whose language is looked for. */
export interface Candidate {
  readonly repository: Repository;
  /** Clean; empty for the root. */
  readonly directory: string;
  /** Names of `lookedFor` that are files there. */
  readonly has: ReadonlySet<string>;
  /** A file of it as text; undefined where it is missing or unreadable, which is then said. */
  readonly text: (name: string) => Promise<string | undefined>;
  readonly findings: Findings;
  readonly place: Place;
  /** A line of the shell that builds it, from the manifest. */
  readonly command?: string | undefined;
  readonly start?: readonly string[] | undefined;
}

export interface Recognised {
  readonly language: string;
  /** Text of a Dockerfile. */
  readonly dockerfile: string;
  /** The port that it listens on. */
  readonly port: number;
}

/** What makes up a language. */
export interface Language {
  /** Files of the directory that say something. */
  readonly lookedFor: readonly string[];
  /** Undefined where it is not this language; a sentence where it is, and something is missing. */
  readonly recognise: (candidate: Candidate) => Promise<Recognised | string | undefined>;
}

/** `web:` of a Procfile, as a line for the shell. */
export async function procfileWeb({ has, text }: Candidate): Promise<readonly string[] | undefined> {
  const procfile = has.has("Procfile") ? await text("Procfile") : undefined;
  const line = /^web:[ \t]*(\S.*)$/m.exec(procfile ?? "")?.[1]?.trim();
  return line === undefined ? undefined : ["/bin/sh", "-c", line];
}

/** The lines of a Dockerfile; what is undefined is left out. */
export function dockerfileOf(lines: readonly (string | undefined)[]): string {
  return `${lines.filter((line) => line !== undefined).join("\n")}\n`;
}

export const exec = (words: readonly string[]): string => JSON.stringify(words);
