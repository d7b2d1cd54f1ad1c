import type { Axis } from "../model/axis.js";
import type { Bar } from "../model/waterfall.js";

/** A row's place on the time axis. The rules behind it stand where the ticks are. */
export function Track({
  axis,
  bars,
  critical = false,
}: {
  axis: Axis;
  bars: readonly Bar[];
  critical?: boolean;
}) {
  const step = axis.ticks[1]?.place ?? 1;
  return (
    <span className={critical ? "track critical" : "track"} style={{ backgroundSize: `${step * 100}% 100%` }}>
      {bars.map((bar, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: runs are only added
          key={index}
          className={`bar ${bar.state}`}
          style={{ left: `${bar.from * 100}%`, width: `${(bar.to - bar.from) * 100}%` }}
        />
      ))}
    </span>
  );
}
