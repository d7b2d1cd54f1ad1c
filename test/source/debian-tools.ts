// Programs from Debian's packages, unpacked privately: a bare machine has none of them, and none is installed.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { script } from "../lab/scripts.js";

export interface Unpacked {
  readonly folder: string;
  /** For programs of the packages: where their libraries are. */
  readonly env: Readonly<Record<string, string>>;
}

export async function unpacked(name: string, packages: string): Promise<Unpacked> {
  const folder = (await script("-c", [`tool ${name} ${packages}`])).trim();
  const libraries = ["usr/lib", "lib"].flatMap((place) =>
    readdirSync(folder).includes(place.split("/")[0] ?? "")
      ? readdirSync(join(folder, place), { withFileTypes: true })
          .filter((entry) => entry.name.includes("-linux-gnu"))
          .map((entry) => join(folder, place, entry.name))
      : [],
  );
  return { folder, env: { LD_LIBRARY_PATH: libraries.join(":") } };
}
