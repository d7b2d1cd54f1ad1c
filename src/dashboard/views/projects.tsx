import { type FormEvent, useState } from "react";
import type { Project } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { usePolled } from "../api/use-polled.js";
import { Paste } from "../ui/copy.js";
import { Empty } from "../ui/empty.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { go, Link } from "../ui/router.js";
import { CredentialFields, type CredentialInput, credentialBody, noCredential } from "./credential-fields.js";

/** The connected repositories, and connecting another one. */
export function ProjectsPage() {
  const { data, error, refresh } = usePolled<{ projects: Project[] }>("/projects", 5000);
  const [adding, setAdding] = useState(false);
  if (!data) return <Problem error={error} />;
  const { projects } = data;
  return (
    <>
      <div className="title">
        <h1>Projects</h1>
        {!adding && (
          <button type="button" className="primary" onClick={() => setAdding(true)}>
            Add a project
          </button>
        )}
      </div>
      <Problem error={error} />
      {adding && <AddProject onClose={() => setAdding(false)} onAdded={refresh} />}
      {projects.length === 0 && !adding ? (
        <Empty title="No project yet">
          <p>A project is a repository whose pull requests get environments.</p>
          <Paste text="galley project add shop https://github.com/acme/shop.git" what="the command" />
        </Empty>
      ) : (
        <div className="table projects">
          {projects.map(({ id, name, url, credential, secrets }) => (
            <div className="row" key={id}>
              <Link to={`/projects/${name}`} row className="name">
                {name}
              </Link>
              <span className="url" title={url}>
                {url}
              </span>
              <span className="quiet">
                {credential === null ? "public" : credential.kind === "ssh" ? "ssh key" : "token"}
              </span>
              <span className="quiet">
                {secrets.length === 0
                  ? ""
                  : `${secrets.length} ${secrets.length === 1 ? "secret" : "secrets"}`}
              </span>
            </div>
          ))}
        </div>
      )}
    </>
  );
}

function AddProject({ onClose, onAdded }: { onClose: () => void; onAdded: () => Promise<void> }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [credential, setCredential] = useState<CredentialInput>(noCredential);
  const action = useAction(async () => {
    const made = await call<Project>("POST", "/projects", { name, url });
    const body = credentialBody(credential);
    // The project is there by then: what is refused of the credential is set right on its own page.
    if (body) await call("PUT", `/projects/${made.name}/credential`, body).catch(() => {});
    await onAdded();
    go(`/projects/${made.name}`);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run();
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>Add a project</h2>
      <div className="columns">
        <Field
          label="Name"
          required
          autoFocus
          pattern="[a-z][a-z0-9\-]{0,39}"
          hint="a–z, 0–9 and -; it becomes part of the previews' addresses."
          value={name}
          onValue={setName}
        />
        <Field
          label="Repository"
          required
          placeholder="https://github.com/acme/shop.git"
          hint="https or ssh, without a password in it."
          value={url}
          onValue={setUrl}
        />
      </div>
      <CredentialFields value={credential} onValue={setCredential} />
      <Problem error={action.error} />
      <footer>
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button type="submit" className="primary" disabled={action.busy}>
          Add
        </button>
      </footer>
    </form>
  );
}
