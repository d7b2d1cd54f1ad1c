import type { Agent } from "../api/answers.js";
import { shareOf } from "../model/caches.js";
import { formatBytes, formatCount } from "../model/format.js";
import { Ago } from "../ui/ago.js";
import { Copy } from "../ui/copy.js";
import { State } from "../ui/mark.js";
import { Link } from "../ui/router.js";
import { draining, type Look, neverSeen, offline, online } from "../ui/states.js";

interface AgentRowProps {
  readonly agent: Agent;
  readonly now: number;
  readonly onAsk: (what: "rotate" | "revoke") => void;
}

/** One agent in one line: there or not, with what room. */
export function AgentRow({ agent, now, onAsk }: AgentRowProps) {
  const { id, name, version, engine, seenAt, unsent, token } = agent;
  return (
    <div className="row" data-agent={name}>
      <span className="state-cell">
        <State look={agentLook(agent)} />
      </span>
      <span className="name">
        <b>{name}</b> <Copy text={id} what={`the id ${id}`} />
      </span>
      <span>{version ?? ""}</span>
      <span className="engine">
        {engine ? `${engine.version} · ${engine.store}` : tokenWord(token)}
        {unsent > 0 && <span className="warn"> {formatCount(unsent)} unsent</span>}
      </span>
      <Slots agent={agent} />
      <Disk agent={agent} />
      <span className="age">{seenAt === null ? "" : <Ago at={seenAt} now={now} />}</span>
      <span className="actions">
        <button
          type="button"
          className="plain"
          onClick={() => onAsk("rotate")}
          aria-label={`Rotate the token of ${name}`}
        >
          rotate
        </button>
        <button type="button" className="plain" onClick={() => onAsk("revoke")} aria-label={`Revoke ${name}`}>
          revoke
        </button>
      </span>
    </div>
  );
}

export function agentLook({ online: isOnline, draining: isDraining, seenAt }: Agent): Look {
  if (isOnline) return isDraining ? draining : online;
  return seenAt === null ? neverSeen : offline;
}

const tokenWord = (token: Agent["token"]) =>
  token?.state === "unused"
    ? "its token was not used yet"
    : token?.state === "expired"
      ? "its token expired"
      : "";

const mostSlots = 12;

function Slots({ agent: { slots, used, seenAt } }: { agent: Agent }) {
  const title = `${used} of ${slots} slots in use`;
  // One that was never there has not said how many it has.
  if (slots === 0 || seenAt === null) return <span />;
  return (
    <span className="slots" title={title}>
      {slots <= mostSlots &&
        Array.from({ length: slots }, (_, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: slots are only counted
          <i key={place} className={place < used ? "full" : "hollow"} />
        ))}
      <span className="quiet">
        {used}/{slots}
      </span>
    </span>
  );
}

/** From here on builds may fail for want of room. */
const scarce = 0.9;

/** How full the disk is, and how much of it is kept for repositories: what could go. */
function Disk({ agent: { name, disk } }: { agent: Agent }) {
  if (!disk || disk.total <= 0) return <span />;
  const share = Math.min(1, Math.max(0, 1 - disk.free / disk.total));
  const caches = Math.min(share, shareOf(disk.caches ?? 0, disk.total));
  const percent = (part: number) => ({ width: `${part * 100}%` });
  return (
    <span className="disk">
      <span
        className={share >= scarce ? "meter scarce" : "meter"}
        title={`${formatBytes(disk.free)} free of ${formatBytes(disk.total)}`}
      >
        <i className="kept" style={percent(caches)} />
        <i style={percent(share - caches)} />
      </span>
      <span className="quiet">
        {formatBytes(disk.free)} free
        {disk.caches !== undefined && (
          <>
            {", "}
            <Link to={`/admin/caches/${encodeURIComponent(name)}`}>{formatBytes(disk.caches)} caches</Link>
          </>
        )}
      </span>
    </span>
  );
}
