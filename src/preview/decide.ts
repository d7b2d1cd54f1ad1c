import type { Service } from "../manifest/index.js";
import type { FoundService } from "./found.js";

/** A service as it shall be. */
export interface Wanted {
  readonly service: Pick<Service, "name" | "dependsOn" | "ephemeral">;
  /** From `settingsOf`. */
  readonly settings: string;
  /** Two of its containers would write to the same volume: the old one stops before the new one starts. */
  readonly inPlace: boolean;
  /** It may end, with exit code 0, and is not run again for that. */
  readonly mayEnd: boolean;
}

/** What becomes of a service. */
export interface Decision {
  /** The one that stays as it is; undefined: a new one is made. */
  readonly stays: FoundService | undefined;
  /** Those that go when the new ones are up, the newest first. */
  readonly before: readonly FoundService[];
  /** Of its container, the one that stays or the new one. */
  readonly name: string;
  /** For a new one: the names under which others know it. */
  readonly aliases: readonly string[];
  /** For a new one: what the names of the other services mean to it. */
  readonly links: Readonly<Record<string, string>>;
}

/**
 * Decides which containers stay and which are made anew, and how they find each other while two of a service stand side by side.
 *
 * A container stays when its settings are the same and everything that it depends on stays: it may have looked up an address once and for
 * all. Each new container has a link for every other service, which leads to the container of its own deployment and nowhere else; so
 * what a name means never changes under a container's feet. Where a container stays and one that it has a link to is replaced, the
 * new one answers to the name of the old, too.
 *
 * @param wanted in an order in which each comes after those that it depends on
 * @param found the newest of a service first
 * @param newName of a new container by its service
 */
export function decide(
  wanted: readonly Wanted[],
  found: readonly FoundService[],
  newName: (service: string) => string,
): ReadonlyMap<string, Decision> {
  const chosen = new Map<string, FoundService | undefined>();
  for (const one of wanted) {
    const { name } = one.service;
    chosen.set(
      name,
      found.find((candidate) => candidate.service === name && mayStay(one, candidate, chosen)),
    );
  }
  const nameOf = (service: string) => chosen.get(service)?.name ?? newName(service);
  const staying = found.filter((container) => chosen.get(container.service) === container);
  return new Map(
    wanted.map(({ service: { name }, inPlace }) => {
      const stays = chosen.get(name);
      const knownTo = inPlace ? found : staying;
      const former = new Set(knownTo.flatMap(({ links }) => links[name] ?? []));
      const links = wanted
        .filter(({ service }) => service.name !== name)
        .map(({ service }) => [service.name, nameOf(service.name)]);
      return [
        name,
        {
          stays,
          before: found.filter((container) => container.service === name && container !== stays),
          name: nameOf(name),
          aliases: [name, ...former],
          links: Object.fromEntries(links),
        },
      ];
    }),
  );
}

function mayStay(
  { service, settings, mayEnd }: Wanted,
  candidate: FoundService,
  chosen: ReadonlyMap<string, FoundService | undefined>,
): boolean {
  if (service.ephemeral || candidate.settings !== settings) return false;
  if (!candidate.running && !(mayEnd && candidate.completed)) return false;
  return service.dependsOn.every(({ service: needed }) => {
    const container = chosen.get(needed);
    return container !== undefined && candidate.links[needed] === container.name;
  });
}
