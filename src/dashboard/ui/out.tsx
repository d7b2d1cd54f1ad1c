import type { ReactNode } from "react";

/** A link out of the application. Addresses come from agents: one that is no web address is text. */
export function Out({ url, className, children }: { url: string; className?: string; children?: ReactNode }) {
  if (!/^https?:\/\//i.test(url)) return <span>{url}</span>;
  return (
    <a href={url} className={className} target="_blank" rel="noreferrer">
      {children ?? url}
    </a>
  );
}
