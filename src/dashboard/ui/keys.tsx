import { useEffect, useRef } from "react";

/** Keys go to what is written into, not to the page. */
function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Calls for single keys, wherever the focus is, as long as nobody writes and no dialog is open. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isWriting(event.target) || document.querySelector("dialog[open]")) return;
      const call = current.current[event.key];
      if (!call) return;
      event.preventDefault();
      call();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** Moves the focus among the rows of the page: links and buttons that are marked with `data-row`. */
export function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")].filter((row) =>
    row.checkVisibility(),
  );
  const now = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[now === -1 ? (by === 1 ? 0 : rows.length - 1) : now + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const help: readonly (readonly [string, string])[] = [
  ["j  k", "next and previous row"],
  ["enter", "open the row"],
  ["/", "search the log"],
  ["n  N", "next and previous match"],
  ["f", "follow the log"],
  ["w", "wrap long lines"],
  ["g e", "environments"],
  ["g p", "projects"],
  ["g a", "agents"],
  ["g c", "caches"],
  ["esc", "close, leave the search"],
  ["?", "these keys"],
];

export function KeysHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label="Keys">
      <h2>Keys</h2>
      <dl className="keys">
        {help.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split("  ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <footer>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </footer>
    </dialog>
  );
}
