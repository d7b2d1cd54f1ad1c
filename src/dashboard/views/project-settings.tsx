import { type FormEvent, useState } from "react";
import type { Project } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { absolute } from "../ui/ago.js";
import { Confirm } from "../ui/confirm.js";
import { Problem } from "../ui/problem.js";
import { go } from "../ui/router.js";
import { CredentialFields, credentialBody, noCredential } from "./credential-fields.js";

interface SettingsProps {
  readonly project: Project;
  readonly onChanged: () => Promise<void>;
}

/** Variables, secrets, the credential and the end of a project. */
export function ProjectSettings({ project, onChanged }: SettingsProps) {
  const path = `/projects/${encodeURIComponent(project.name)}`;
  const [removing, setRemoving] = useState(false);
  return (
    <>
      <div className="columns settings">
        <Values
          title="Variables"
          note="Shown to everybody who may read."
          values={Object.entries(project.env).map(([key, value]) => ({ key, shown: value }))}
          onSet={async (key, value) => {
            await call("PUT", `${path}/env`, { env: { ...project.env, [key]: value } });
            await onChanged();
          }}
          onRemove={async (key) => {
            const { [key]: _, ...env } = project.env;
            await call("PUT", `${path}/env`, { env });
            await onChanged();
          }}
        />
        <Values
          title="Secrets"
          note="Sealed on the server; nothing shows them again."
          secret
          values={project.secrets.map(({ key, changedAt }) => ({ key, shown: `set ${absolute(changedAt)}` }))}
          onSet={async (key, value) => {
            await call("PUT", `${path}/secrets/${encodeURIComponent(key)}`, { value });
            await onChanged();
          }}
          onRemove={async (key) => {
            await call("DELETE", `${path}/secrets/${encodeURIComponent(key)}`);
            await onChanged();
          }}
        />
      </div>
      <Credential project={project} path={path} onChanged={onChanged} />
      <p>
        <button type="button" className="danger" onClick={() => setRemoving(true)}>
          Remove the project
        </button>
      </p>
      {removing && (
        <Confirm
          title={`Remove ${project.name}?`}
          verb="Remove"
          work={async () => {
            await call("DELETE", path);
            go("/projects");
          }}
          onClose={() => setRemoving(false)}
        >
          <p>Its variables, secrets and past deployments are forgotten. Terminate its environments first.</p>
        </Confirm>
      )}
    </>
  );
}

interface ValuesProps {
  readonly title: string;
  readonly note: string;
  readonly secret?: boolean;
  readonly values: readonly { readonly key: string; readonly shown: string }[];
  readonly onSet: (key: string, value: string) => Promise<void>;
  readonly onRemove: (key: string) => Promise<void>;
}

function Values({ title, note, secret = false, values, onSet, onRemove }: ValuesProps) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const set = useAction(async () => {
    await onSet(key, value);
    setKey("");
    setValue("");
  });
  const remove = useAction(onRemove);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void set.run();
  };
  return (
    <section>
      <h2>{title}</h2>
      <p className="quiet">{note}</p>
      <div className="table values">
        {values.map(({ key, shown }) => (
          <div className="row" key={key}>
            <code title={key}>{key}</code>
            <span className={secret ? "quiet" : "value"} title={shown}>
              {shown}
            </span>
            <button
              type="button"
              className="plain"
              disabled={remove.busy}
              aria-label={`Remove ${key}`}
              onClick={() => remove.run(key)}
            >
              remove
            </button>
          </div>
        ))}
      </div>
      <form className="inline" onSubmit={submit} aria-label={title}>
        <input
          required
          aria-label={`Name in ${title}`}
          placeholder="NAME"
          pattern="[A-Za-z_][A-Za-z0-9_]{0,127}"
          autoComplete="off"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <input
          type={secret ? "password" : "text"}
          aria-label={`Value in ${title}`}
          placeholder="value"
          autoComplete="off"
          required={secret}
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
        <button type="submit" disabled={set.busy}>
          Set
        </button>
      </form>
      <Problem error={set.error ?? remove.error} />
    </section>
  );
}

interface CredentialProps extends SettingsProps {
  readonly path: string;
}

function Credential({ project, path, onChanged }: CredentialProps) {
  const [changing, setChanging] = useState(false);
  const [input, setInput] = useState(noCredential);
  const save = useAction(async () => {
    const body = credentialBody(input);
    await (body ? call("PUT", `${path}/credential`, body) : call("DELETE", `${path}/credential`));
    setInput(noCredential);
    setChanging(false);
    await onChanged();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  const { credential } = project;
  return (
    <section>
      <h2>Repository login</h2>
      {!changing ? (
        <p>
          {credential === null
            ? "None: the repository is public. "
            : `${credential.kind === "ssh" ? "An ssh key" : "A token"}, set ${absolute(credential.changedAt)}. `}
          <button type="button" onClick={() => setChanging(true)}>
            Change
          </button>
        </p>
      ) : (
        <form className="card" onSubmit={submit}>
          <CredentialFields value={input} onValue={setInput} />
          <Problem error={save.error} />
          <footer>
            <button type="button" onClick={() => setChanging(false)}>
              Keep
            </button>
            <button type="submit" className="primary" disabled={save.busy}>
              Save
            </button>
          </footer>
        </form>
      )}
    </section>
  );
}
