import type { Look } from "./states.js";

/** A state as a shape. It never stands alone: the word is beside it. */
export function Mark({ look }: { look: Look }) {
  return (
    <svg className={`mark tone-${look.tone}`} data-shape={look.shape} viewBox="0 0 12 12" aria-hidden="true">
      {shapes[look.shape]}
    </svg>
  );
}

/** Shape and word. */
export function State({ look, title }: { look: Look; title?: string }) {
  return (
    <span className={`state tone-${look.tone}`} title={title}>
      <Mark look={look} />
      <span>{look.word}</span>
    </span>
  );
}

const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.8, strokeLinecap: "round" } as const;
const shapes: Readonly<Record<Look["shape"], React.ReactNode>> = {
  ring: <circle cx="6" cy="6" r="4.2" {...stroke} strokeDasharray="1.6 2.8" />,
  busy: (
    <>
      <circle cx="6" cy="6" r="4.2" {...stroke} opacity=".3" />
      <path className="turning" d="M6 1.8A4.2 4.2 0 0 1 10.2 6" {...stroke} />
    </>
  ),
  dot: <circle cx="6" cy="6" r="4.6" fill="currentColor" />,
  hollow: <circle cx="6" cy="6" r="4" {...stroke} />,
  check: <path d="m2 6.5 2.8 2.8L10 3.3" {...stroke} />,
  cross: <path d="m2.6 2.6 6.8 6.8M9.4 2.6 2.6 9.4" {...stroke} />,
  slash: (
    <>
      <circle cx="6" cy="6" r="4.2" {...stroke} />
      <path d="m3.2 8.8 5.6-5.6" {...stroke} />
    </>
  ),
  equal: <path d="M2 4.2h8M2 7.8h8" {...stroke} />,
  moon: <path d="M9.8 7.6A4.4 4.4 0 1 1 4.8 2a3.5 3.5 0 0 0 5 5.6Z" fill="currentColor" />,
  square: <rect x="2.4" y="2.4" width="7.2" height="7.2" rx="1" {...stroke} />,
  bang: <path d="M6 1.8v5M6 10v.1" {...stroke} strokeWidth="2.2" />,
};
