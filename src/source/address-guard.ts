import { lookup as resolve } from "node:dns";
import { lookup } from "node:dns/promises";
import { BlockList, isIP, type LookupFunction } from "node:net";

const own = new BlockList();
own.addSubnet("127.0.0.0", 8, "ipv4");
own.addSubnet("0.0.0.0", 8, "ipv4");
own.addSubnet("169.254.0.0", 16, "ipv4");
own.addAddress("::1", "ipv6");
own.addAddress("::", "ipv6");
own.addSubnet("fe80::", 10, "ipv6");
// Where clouds answer with a machine's credentials over IPv6.
own.addAddress("fd00:ec2::254", "ipv6");

/** Is this an address of the machine itself, or of the metadata service of its cloud? */
export function isOwnAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  return own.check(plain, isIP(plain) === 6 ? "ipv6" : "ipv4");
}

/**
 * Where addresses that a repository names may lead. Whoever can write a `.gitmodules` could otherwise have the agent ask the
 * services of its own machine. A repository that lies on this machine itself (`home`) may name others here.
 */
export interface AddressGuard {
  /** False for a host that must not be asked. Hosts that cannot be resolved are for the caller to notice. */
  allows(host: string): Promise<boolean>;
  /** For `http.request`: resolves and refuses in one step, so that a name cannot change in between. */
  readonly lookup: LookupFunction;
}

export async function createAddressGuard(home: string): Promise<AddressGuard> {
  const free = home === "" || (await addresses(home)).some(isOwnAddress);
  return {
    allows: async (host) => free || host === home || !(await addresses(host)).some(isOwnAddress),
    lookup: (host, options, callback) => {
      resolve(host, { ...options, all: true }, (error, found) => {
        const allowed = free || host === home || !found?.some(({ address }) => isOwnAddress(address));
        const [first] = found ?? [];
        if (error !== null || first === undefined) callback(error ?? refusal(host), "", 4);
        else if (!allowed) callback(refusal(host), "", 4);
        else if (options.all) callback(null, found);
        else callback(null, first.address, first.family);
      });
    },
  };
}

async function addresses(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

function refusal(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} is an address of this machine`), { code: "EACCES" });
}
