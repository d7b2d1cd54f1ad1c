const deepest = 3;
const mostDirectories = 5_000;
const mostKept = 200;

/** Adds up what directories hold. */
export class DirectorySums {
  readonly #directories = new Map<string, { bytes: number; files: number }>();

  /** A file, or whatever else is no directory, by its path. */
  add(path: string, bytes: number): void {
    this.#count(".", bytes);
    const folders = path.split("/").filter((part) => part !== "" && part !== ".");
    for (let depth = 1; depth < Math.min(folders.length, deepest + 1); depth += 1)
      this.#count(folders.slice(0, depth).join("/"), bytes);
  }

  /** `.` and those down to three levels below it, the largest first. */
  largest(): { readonly path: string; readonly bytes: number; readonly files: number }[] {
    return [...this.#directories]
      .map(([path, { bytes, files }]) => ({ path, bytes, files }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, mostKept);
  }

  #count(path: string, bytes: number): void {
    const known = this.#directories.get(path);
    if (known) {
      known.bytes += bytes;
      known.files += 1;
    } else if (this.#directories.size < mostDirectories) this.#directories.set(path, { bytes, files: 1 });
  }
}
