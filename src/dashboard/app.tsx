import { useCallback, useEffect, useState } from "react";
import type { User } from "./api/answers.js";
import { type ApiError, asApiError, call, whenSignedOut } from "./api/client.js";
import { Broken } from "./ui/broken.js";
import { Problem } from "./ui/problem.js";
import { matchPath, Router, usePath } from "./ui/router.js";
import { AgentsPage } from "./views/agents.js";
import { CacheRepositoryPage } from "./views/cache-repository.js";
import { CachesPage } from "./views/caches.js";
import { DeploymentPage } from "./views/deployment.js";
import { EnvironmentPage } from "./views/environment.js";
import { EnvironmentsPage } from "./views/environments.js";
import { ProjectPage } from "./views/project.js";
import { ProjectsPage } from "./views/projects.js";
import { Shell } from "./views/shell.js";
import { Welcome } from "./views/welcome.js";

type Account =
  | { readonly state: "asking"; readonly error?: ApiError }
  | { readonly state: "set-up" | "signed-out" }
  | { readonly state: "signed-in"; readonly user: User };

/** Who is there decides what is shown: the first set-up, the sign-in, or the pages. The address stays what it is. */
export function App() {
  const [account, setAccount] = useState<Account>({ state: "asking" });

  const ask = useCallback(async () => {
    try {
      const { needed } = await call<{ needed: boolean }>("GET", "/setup");
      if (needed) return setAccount({ state: "set-up" });
      const { user } = await call<{ user: User }>("GET", "/me");
      setAccount({ state: "signed-in", user });
    } catch (error) {
      const { status } = asApiError(error);
      if (status === 401) setAccount({ state: "signed-out" });
      else {
        setAccount({ state: "asking", error: asApiError(error) });
        setTimeout(ask, 3000);
      }
    }
  }, []);

  useEffect(() => {
    whenSignedOut(() => setAccount({ state: "signed-out" }));
    void ask();
  }, [ask]);

  if (account.state === "asking")
    return account.error ? (
      <main className="welcome">
        <Problem error={account.error} />
      </main>
    ) : null;
  if (account.state !== "signed-in")
    return (
      <Welcome
        first={account.state === "set-up"}
        onSignedIn={(user) => setAccount({ state: "signed-in", user })}
      />
    );
  return (
    <Broken>
      <Router>
        <Shell user={account.user} onSignedOut={() => setAccount({ state: "signed-out" })}>
          <Page />
        </Shell>
      </Router>
    </Broken>
  );
}

function Page() {
  const path = usePath();
  const page = pages.find(({ pattern }) => matchPath(pattern, path));
  const parts = page && matchPath(page.pattern, path);
  return page && parts ? page.show(parts) : <p className="quiet">There is nothing at this address.</p>;
}

const pages: readonly { pattern: string; show: (parts: Record<string, string>) => React.ReactNode }[] = [
  { pattern: "/", show: () => <EnvironmentsPage /> },
  { pattern: "/projects", show: () => <ProjectsPage /> },
  { pattern: "/projects/:name", show: ({ name = "" }) => <ProjectPage key={name} name={name} /> },
  { pattern: "/environments/:id", show: ({ id = "" }) => <EnvironmentPage key={id} id={id} /> },
  { pattern: "/deployments/:id", show: ({ id = "" }) => <DeploymentPage key={id} id={id} /> },
  { pattern: "/admin/agents", show: () => <AgentsPage /> },
  { pattern: "/admin/caches", show: () => <CachesPage name={undefined} /> },
  { pattern: "/admin/caches/:agent", show: ({ agent }) => <CachesPage name={agent} /> },
  {
    pattern: "/admin/caches/:agent/:repo",
    show: ({ agent = "", repo = "" }) => (
      <CacheRepositoryPage key={`${agent}/${repo}`} name={agent} repo={repo} />
    ),
  },
];
