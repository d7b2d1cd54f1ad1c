import { nearest } from "../../buildkit/index.js";
import { GalleyError } from "../../errors/index.js";
import type { ManifestWarning } from "../manifest.js";
import type { Place } from "./located.js";

/** Told at most; what follows from one mistake a hundred times helps nobody. */
const mostTold = 50;

/** What is found while files are read: problems, all of which are told at once, and warnings. */
export class Findings {
  readonly #problems: ManifestWarning[] = [];
  readonly #warnings: ManifestWarning[] = [];

  problem(place: Place, message: string): void {
    add(this.#problems, place, message);
  }

  warn(place: Place, message: string): void {
    add(this.#warnings, place, message);
  }

  hasProblemAt({ file, line, column }: Place): boolean {
    return this.#problems.some((one) => one.file === file && one.line === line && one.column === column);
  }

  get failed(): boolean {
    return this.#problems.length > 0;
  }

  /** In the order of the files. */
  get warnings(): readonly ManifestWarning[] {
    return inOrder(this.#warnings);
  }

  /** @throws manifest_invalid with every problem, each with its place */
  throwIfFailed(): void {
    if (!this.failed) return;
    const lines = inOrder(this.#problems).map(formatFinding);
    const more = lines.length - mostTold;
    throw new GalleyError(
      "manifest_invalid",
      [...lines.slice(0, mostTold), ...(more > 0 ? [`and ${more} more`] : [])].join("\n"),
      { hint: "Every problem is listed; mend them and run `galley check` to try the file." },
    );
  }
}

export function formatFinding({ file, line, column, message }: ManifestWarning): string {
  const at = line === undefined ? "" : `:${line}${column === undefined ? "" : `:${column}`}`;
  return `${file}${at}: ${message}`;
}

/** ` (did you mean X?)`, or what is accepted where nothing is near. */
export function suggestion(word: string, candidates: Iterable<string>, accepted = "accepted"): string {
  const all = [...candidates];
  const near = nearest(word, all);
  if (near !== undefined) return `; did you mean ${near}?`;
  return all.length === 0 ? "" : `; ${accepted}: ${all.join(", ")}`;
}

function add(list: ManifestWarning[], { file, line, column }: Place, message: string): void {
  const same = (one: ManifestWarning) =>
    one.file === file && one.line === line && one.column === column && one.message === message;
  if (!list.some(same)) list.push({ file, line, column, message });
}

function inOrder(list: readonly ManifestWarning[]): ManifestWarning[] {
  const files = [...new Set(list.map(({ file }) => file))];
  return [...list].sort(
    (a, b) =>
      files.indexOf(a.file) - files.indexOf(b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}
