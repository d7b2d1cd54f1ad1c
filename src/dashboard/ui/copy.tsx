import { useEffect, useRef, useState } from "react";
import { toClipboard } from "./clipboard.js";

/** Puts a text into the clipboard; says so for a moment, without moving anything. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState<"copied" | "failed">();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    setSaid((await toClipboard(text)) ? "copied" : "failed");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSaid(undefined), 1500);
  };
  return (
    <button type="button" className="copy" onClick={copy} aria-label={`Copy ${what}`} title={`Copy ${what}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {said === "copied" ? (
          <path d="m3 8.5 3.2 3.2L13 4.5" />
        ) : said === "failed" ? (
          <path d="m4 4 8 8m0-8-8 8" />
        ) : (
          <path d="M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z" />
        )}
      </svg>
      <span role="status" className="unseen">
        {said ?? ""}
      </span>
    </button>
  );
}

/** Something to paste into a terminal or a file. */
export function Paste({ text, what }: { text: string; what: string }) {
  return (
    <div className="paste">
      <code>{text}</code>
      <Copy text={text} what={what} />
    </div>
  );
}
