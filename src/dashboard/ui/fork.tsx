import { useState } from "react";
import type { Deployment } from "../api/answers.js";

type Marked = Pick<Deployment, "fork" | "asFork">;

/** The agent's word goes before that of whoever asked: without one it is not known yet. */
const isFork = ({ fork, asFork }: Marked): boolean => asFork ?? fork ?? false;

const why = ({ fork }: Marked): string =>
  fork === true
    ? "Whoever asked for this deployment said that its code is a fork's."
    : "No branch or tag of the repository has this commit: its code is taken for a fork's.";
const means = "It gets no secrets, and its builds leave nothing in caches or images that anybody else uses.";

/** Marks code that is treated as a fork's; pressed, it says why and what that means. */
export function Fork({ deployment }: { deployment: Marked }) {
  const [open, setOpen] = useState(false);
  if (!isFork(deployment)) return null;
  return (
    <>
      <button type="button" className="badge" aria-expanded={open} onClick={() => setOpen(!open)}>
        fork
      </button>
      {open && (
        <p className="fork">
          {why(deployment)} {means}
        </p>
      )}
    </>
  );
}

/** The same in a list, where it is only pointed at. */
export function ForkMark({ deployment }: { deployment: Marked }) {
  if (!isFork(deployment)) return null;
  return (
    <span className="badge" title={`${why(deployment)} ${means}`}>
      fork
    </span>
  );
}
