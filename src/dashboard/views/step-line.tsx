import type { Axis } from "../model/axis.js";
import { formatBytes, formatDuration, formatRunning } from "../model/format.js";
import type { StepRow } from "../model/waterfall.js";
import { Mark, State } from "../ui/mark.js";
import { lookOfStep } from "../ui/states.js";
import { Track } from "./track.js";

interface StepLineProps {
  readonly row: StepRow;
  readonly axis: Axis;
  readonly chosen: boolean;
  readonly onOpen: () => void;
}

/** One step of a build: where it comes from in the Dockerfile, what it does, how it went, and when. */
export function StepLine({ row, axis, chosen, onOpen }: StepLineProps) {
  const { state, duration } = row;
  return (
    <button
      type="button"
      data-row=""
      className={`row step ${state}${chosen ? " chosen" : ""}`}
      onClick={onOpen}
      data-step={row.id}
    >
      <span className="no" title={row.line === null ? undefined : `Line ${row.line} of the Dockerfile`}>
        {row.line}
      </span>
      <span className="stage" title={row.stage ?? undefined}>
        {row.stage}
      </span>
      <span className="what" title={row.label}>
        <span className="label">{row.label}</span>
        {row.warnings > 0 && (
          <span className="warned" title={`${row.warnings} warnings`}>
            <Mark look={{ tone: "warn", shape: "bang", word: "warning" }} />
          </span>
        )}
        <span className="bytes">{bytes(row)}</span>
      </span>
      <span className="state-cell">
        <State look={lookOfStep(state)} />
      </span>
      <span className="took">
        {duration === null || state === "cached"
          ? ""
          : state === "running"
            ? formatRunning(duration)
            : formatDuration(duration)}
      </span>
      <Track axis={axis} bars={row.bars} critical={row.critical} />
    </button>
  );
}

function bytes({ bytes, totalBytes, state }: StepRow): string {
  if (bytes === 0 && totalBytes === 0) return "";
  return state === "running" && totalBytes > bytes
    ? `${formatBytes(bytes)} / ${formatBytes(totalBytes)}`
    : formatBytes(bytes);
}
