import { GalleyError } from "../errors/index.js";

/** The first address of a range of IPv4 addresses and how many it has. */
interface Range {
  readonly first: number;
  readonly size: number;
}

/** Undefined for what is no IPv4 subnet, IPv6 ones among it. */
function rangeOf(subnet: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(subnet);
  if (!match) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { first: address - (address % size), size };
}

function subnetOf(first: number, prefix: number): string {
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${bytes.join(".")}/${prefix}`;
}

const overlaps = (a: Range, b: Range) => a.first < b.first + b.size && b.first < a.first + a.size;

/** Of a subnet the network's own address, the broadcast address and the gateway are no container's. */
const RESERVED = 3;

/** The smallest subnet, of a /28 or larger, that holds so many containers: a number of bits. */
export function prefixFor(containers: number): number {
  let prefix = 28;
  while (2 ** (32 - prefix) < containers + RESERVED) prefix -= 1;
  return prefix;
}

/**
 * Subnets of a pool that overlap nothing that is in use, each once. Where the search begins depends on `seed`, so that two agents
 * on one engine seldom want the same.
 *
 * @param pool `10.213.0.0/16`
 * @param prefix bits of the subnets wanted
 * @param used subnets of networks and routes; those that are not IPv4 are passed over
 * @throws config_invalid when the pool is no IPv4 subnet, or smaller than one of its parts
 */
export function* freeSubnets(
  pool: string,
  prefix: number,
  used: readonly string[],
  seed: number,
): Generator<string> {
  const whole = rangeOf(pool);
  const size = 2 ** (32 - prefix);
  if (!whole || whole.size < size) {
    throw new GalleyError(
      "config_invalid",
      `${JSON.stringify(pool)} is no pool for the networks of previews`,
      {
        hint: `Give an IPv4 subnet of a /${prefix} or larger that nothing else uses, for example 10.213.0.0/16.`,
      },
    );
  }
  const taken = used.flatMap((subnet) => rangeOf(subnet) ?? []).filter((range) => overlaps(range, whole));
  const count = whole.size / size;
  for (let step = 0; step < count; step++) {
    const range = { first: whole.first + ((seed + step) % count) * size, size };
    if (!taken.some((other) => overlaps(range, other))) yield subnetOf(range.first, prefix);
  }
}

/** Whether two subnets share an address; false when one of them is not IPv4. */
export function subnetsOverlap(one: string, other: string): boolean {
  const [a, b] = [rangeOf(one), rangeOf(other)];
  return a !== undefined && b !== undefined && overlaps(a, b);
}
