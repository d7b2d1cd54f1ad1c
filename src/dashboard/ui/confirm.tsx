import { type ReactNode, useEffect, useId, useRef } from "react";
import { useAction } from "../api/use-action.js";
import { Problem } from "./problem.js";

interface ConfirmProps {
  readonly title: string;
  /** What will happen. */
  readonly children: ReactNode;
  /** The word on the button: what is done. */
  readonly verb: string;
  readonly work: () => Promise<unknown>;
  readonly onClose: () => void;
}

/** Asks before something that cannot be undone. Escape and the first button leave everything as it is. */
export function Confirm({ title, children, verb, work, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const action = useAction(async () => {
    await work();
    onClose();
  });
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      <div className="prose">{children}</div>
      <Problem error={action.error} />
      <footer>
        <button type="button" onClick={onClose}>
          Keep
        </button>
        <button type="button" className="danger" disabled={action.busy} onClick={() => action.run()}>
          {verb}
        </button>
      </footer>
    </dialog>
  );
}
