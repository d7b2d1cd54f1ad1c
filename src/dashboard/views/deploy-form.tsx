import { type FormEvent, useState } from "react";
import type { Deployment } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { Problem } from "../ui/problem.js";
import { go } from "../ui/router.js";

/** Deploys a pull request by its number, or a branch, a tag or a commit by its name. */
export function DeployForm({ project }: { project: string }) {
  const [target, setTarget] = useState("");
  const [useCache, setUseCache] = useState(true);
  const action = useAction(async () => {
    const number = /^(?:#|pr-)?(\d{1,9})$/i.exec(target.trim())?.[1];
    const what = number === undefined ? { ref: target.trim() } : { pr: Number(number) };
    const path = `/projects/${encodeURIComponent(project)}/deployments`;
    const made = await call<Deployment>("POST", path, { ...what, useCache });
    go(`/deployments/${made.id}`);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run();
  };
  return (
    <form className="inline deploy" onSubmit={submit} aria-label="Deploy">
      <input
        required
        aria-label="Pull request or ref"
        placeholder="pull request number, or a branch"
        value={target}
        onChange={(event) => setTarget(event.target.value)}
      />
      <label className="check">
        <input type="checkbox" checked={!useCache} onChange={(event) => setUseCache(!event.target.checked)} />
        without cache
      </label>
      <button type="submit" className="primary" disabled={action.busy}>
        Deploy
      </button>
      <Problem error={action.error} />
    </form>
  );
}
