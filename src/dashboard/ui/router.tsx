import { createContext, type MouseEvent, type ReactNode, useContext, useEffect, useState } from "react";

// The addresses are the server's list in src/server/http/dashboard.ts: each may be opened directly.

const Place = createContext(location.pathname);

/** Goes to another page of the application. */
export function go(path: string): void {
  if (path === location.pathname + location.search) return;
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

export function Router({ children }: { children: ReactNode }) {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = () => {
      setPath((before) => {
        if (before !== location.pathname) scrollTo(0, 0);
        return location.pathname;
      });
    };
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, []);
  return <Place value={path}>{children}</Place>;
}

export const usePath = (): string => useContext(Place);

/** The parts that a pattern such as `/projects/:name` has in the path; undefined where it does not match. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, found] = [pattern.split("/"), path.replace(/\/$/, "").split("/")];
  if (pattern === "/") return path === "/" ? {} : undefined;
  if (wanted.length !== found.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = found[index] ?? "";
    if (part.startsWith(":")) parts[part.slice(1)] = decode(value);
    else if (part !== value) return undefined;
  }
  return parts;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface LinkProps {
  readonly to: string;
  readonly children: ReactNode;
  readonly className?: string;
  readonly title?: string;
  /** It is one of the rows that j and k go through. */
  readonly row?: boolean;
}

/** A link within the application. With a key or another button it is the browser's: a new tab, a copy of the address. */
export function Link({ to, children, className, title, row }: LinkProps) {
  const path = usePath();
  const click = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a
      href={to}
      onClick={click}
      className={className}
      title={title}
      data-row={row ? "" : undefined}
      aria-current={path === to ? "page" : undefined}
    >
      {children}
    </a>
  );
}
