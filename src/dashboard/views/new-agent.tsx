import { type FormEvent, useState } from "react";
import type { Agent } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { Paste } from "../ui/copy.js";
import { Field } from "../ui/field.js";
import { State } from "../ui/mark.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";
import { agentLook } from "./agent-row.js";

interface FormProps {
  readonly onMade: (made: { agent: Agent; token: string }) => Promise<void>;
  readonly onClose: (() => void) | undefined;
}

export function NewAgentForm({ onMade, onClose }: FormProps) {
  const [name, setName] = useState("");
  const action = useAction(async () => {
    await onMade(await call("POST", "/agents", { name }));
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run();
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>New agent</h2>
      <Field
        label="Name"
        required
        autoFocus
        autoComplete="off"
        pattern="[a-z0-9]([a-z0-9._\-]{0,61}[a-z0-9])?"
        hint="a–z, 0–9, dots, - and _, for example the machine's name."
        value={name}
        onValue={setName}
      />
      <Problem error={action.error} />
      <footer>
        {onClose && (
          <button type="button" onClick={onClose}>
            Close
          </button>
        )}
        <button type="submit" className="primary" disabled={action.busy}>
          Make the agent
        </button>
      </footer>
    </form>
  );
}

interface PanelProps {
  readonly name: string;
  readonly token: string;
  /** As it is now: the panel says by itself when the agent is there. */
  readonly agent: Agent;
  readonly onClose: () => void;
}

/** The token, this once, and what to do with it; turns to online when the agent has introduced itself. */
export function TokenPanel({ name, token, agent, onClose }: PanelProps) {
  return (
    <section className="card token" aria-label={`Token of ${name}`}>
      <header>
        <h2>{name}</h2>
        <State look={agentLook(agent)} />
      </header>
      {agent.online ? (
        <p>
          The agent is online. <Link to="/projects">Deploy something</Link>
        </p>
      ) : (
        <>
          <p>
            The token is shown this once. Put this line into the agent's environment, with compose into{" "}
            <code>.env</code>:
          </p>
          <Paste text={`GALLEY_AGENT_TOKEN=${token}`} what="the line for .env" />
          <p>Then start the agent, with compose or by itself:</p>
          <Paste text="docker compose up -d galley-agent" what="the command for compose" />
          <Paste text="galley agent run" what="the command" />
          <p className="quiet">This panel says so when it is online.</p>
        </>
      )}
      <footer>
        <button type="button" onClick={onClose}>
          {agent.online ? "Close" : "Close; the token is not shown again"}
        </button>
      </footer>
    </section>
  );
}
