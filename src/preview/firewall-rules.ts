import { createHash } from "node:crypto";

/** Exit code of the script where the engine keeps no rules of its own. */
export const NO_RULES = 3;
/** Exit code of the script where there is no iptables. */
export const NO_IPTABLES = 4;

/**
 * A shell script that puts the rules in place which keep the previews of a pool from each other, from the services of the engine's machine,
 * from ports that it publishes and from metadata addresses. All at once (`iptables-restore`), and with the same outcome however often
 * it runs. It takes the iptables whose rules the engine uses, as there may be two kinds on a machine.
 *
 * @param pool `10.213.0.0/16`
 */
export function firewallScript(pool: string): string {
  const mark = createHash("sha256").update(pool).digest("hex").slice(0, 8);
  const [forward, input] = [`GALLEY-F-${mark}`, `GALLEY-I-${mark}`];
  const known = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN";
  const rules = [
    `:${forward} - [0:0]`,
    `:${input} - [0:0]`,
    // Answers to the proxy, to the agent's questions, and to what was let through.
    `-A ${forward} ${known}`,
    // Between containers of one network, where the kernel shows that to its firewall.
    `-A ${forward} -m physdev --physdev-is-bridged -j RETURN`,
    `-A ${forward} -d ${pool} -j DROP`,
    // The resolvers of some clouds have link-local addresses; on other ports those tell a machine its secrets.
    `-A ${forward} -d 169.254.0.0/16 -p udp --dport 53 -j RETURN`,
    `-A ${forward} -d 169.254.0.0/16 -p tcp --dport 53 -j RETURN`,
    `-A ${forward} -d 169.254.0.0/16 -j DROP`,
    // Published ports, asked for by an address of the machine: the engine has sent them on to a container already.
    `-A ${forward} -m conntrack --ctstate DNAT -j DROP`,
    `-A ${input} ${known}`,
    `-A ${input} -j DROP`,
  ];
  const jump = (chain: string, to: string) =>
    `"$tool" -w 10 -C ${chain} -s ${pool} -j ${to} 2> /dev/null || echo '-I ${chain} 1 -s ${pool} -j ${to}'`;
  return `set -u
tool=; found=
for name in iptables iptables-nft iptables-legacy; do
  command -v $name > /dev/null 2>&1 || continue
  found=1
  if $name -w 10 -n -L DOCKER-USER > /dev/null 2>&1; then tool=$name; break; fi
done
[ -n "$found" ] || exit ${NO_IPTABLES}
[ -n "$tool" ] || exit ${NO_RULES}
{
  echo '*filter'
${rules.map((rule) => `  echo '${rule}'`).join("\n")}
  ${jump("DOCKER-USER", forward)}
  ${jump("INPUT", input)}
  echo COMMIT
} | "$tool-restore" -w 10 --noflush
`;
}
