import { type ReactNode, useRef, useState } from "react";
import type { User } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { KeysHelp, moveRow, useKeys } from "../ui/keys.js";
import { Logo } from "../ui/logo.js";
import { Problem } from "../ui/problem.js";
import { go, Link, usePath } from "../ui/router.js";
import { applyTheme, storedTheme, themes } from "../ui/theme.js";

interface ShellProps {
  readonly user: User;
  readonly onSignedOut: () => void;
  readonly children: ReactNode;
}

/** What is around every page: where one can go, who one is, and the keys. */
export function Shell({ user, onSignedOut, children }: ShellProps) {
  const path = usePath();
  const [helping, setHelping] = useState(false);
  const [theme, setTheme] = useState(storedTheme);
  const going = useRef(0);
  const signOut = useAction(async () => {
    await call("DELETE", "/session");
    onSignedOut();
  });
  /** After `g`, within a second. */
  const to = (place: string) => {
    if (Date.now() - going.current < 1000) go(place);
  };
  useKeys({
    j: () => moveRow(1),
    k: () => moveRow(-1),
    "?": () => setHelping(true),
    g: () => {
      going.current = Date.now();
    },
    e: () => to("/"),
    p: () => to("/projects"),
    a: () => to("/admin/agents"),
    c: () => to("/admin/caches"),
  });
  const nextTheme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "auto";
  return (
    <div className={path.startsWith("/deployments/") ? "shell fixed" : "shell"}>
      <header className="top">
        <Link to="/" className="home">
          <Logo />
        </Link>
        <nav aria-label="Pages">
          <Link to="/">Environments</Link>
          <Link to="/projects">Projects</Link>
          <span className="area">Admin</span>
          <Link to="/admin/agents">Agents</Link>
          <Link to="/admin/caches">Caches</Link>
        </nav>
        <div className="me">
          <span className="who" title={user.email}>
            {user.email}
          </span>
          <button
            type="button"
            className="plain"
            title={`Colours: ${theme}. Change to ${nextTheme}.`}
            onClick={() => {
              applyTheme(nextTheme);
              setTheme(nextTheme);
            }}
          >
            {theme}
          </button>
          <button
            type="button"
            className="plain"
            aria-label="Keys"
            title="Keys (?)"
            onClick={() => setHelping(true)}
          >
            ?
          </button>
          <button type="button" className="plain" disabled={signOut.busy} onClick={() => signOut.run()}>
            Sign out
          </button>
        </div>
      </header>
      <Problem error={signOut.error} />
      <main>{children}</main>
      {helping && <KeysHelp onClose={() => setHelping(false)} />}
    </div>
  );
}
