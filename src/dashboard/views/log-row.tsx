import type { DeploymentModel, LogPlace } from "../model/deployment-model.js";
import { pieces, plainText } from "../model/log-line.js";
import { absolute } from "../ui/ago.js";
import { toClipboard } from "../ui/clipboard.js";

interface LogRowProps {
  readonly model: DeploymentModel;
  readonly place: LogPlace;
  /** Of the line in the store. */
  readonly number: number;
  /** Of the line in what is shown, from 0. */
  readonly index: number;
  readonly search: string;
}

/** One line: its number, which copies it; where it comes from, if that is not said already; its text. */
export function LogRow({ model, place, number, index, search }: LogRowProps) {
  const line = model.logs.line(number);
  const origin = place.step === undefined ? model.origin(line.step) : undefined;
  return (
    <>
      <button
        type="button"
        tabIndex={-1}
        className="no"
        title={`${absolute(line.at)} · copy the line`}
        onClick={() => void toClipboard(plainText(line.text))}
      >
        {index + 1}
      </button>
      {origin && (
        <span className="from" title={origin.step}>
          {place.service === undefined ? origin.service : origin.step}
        </span>
      )}
      <span className={line.stderr ? "text stderr" : "text"}>
        {pieces(line.text, search).map((piece, place) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no other name, and stay where they are
            key={place}
            className={piece.hit ? `${piece.className} hit` : piece.className || undefined}
            style={piece.color === null ? undefined : { color: `rgb(${piece.color})` }}
          >
            {piece.text}
          </span>
        ))}
      </span>
    </>
  );
}
