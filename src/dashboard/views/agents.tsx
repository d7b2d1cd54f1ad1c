import { useState } from "react";
import type { Agent } from "../api/answers.js";
import { call } from "../api/client.js";
import { usePolled } from "../api/use-polled.js";
import { Confirm } from "../ui/confirm.js";
import { Empty } from "../ui/empty.js";
import { Problem } from "../ui/problem.js";
import { useNow } from "../ui/use-now.js";
import { AgentRow } from "./agent-row.js";
import { NewAgentForm, TokenPanel } from "./new-agent.js";

interface Shown {
  readonly agent: Agent;
  readonly token: string;
}

/** The agents: who is there, with what room; making, renewing and ending them. */
export function AgentsPage() {
  const { data, error, refresh } = usePolled<{ agents: Agent[] }>("/agents");
  const now = useNow(1000);
  const [naming, setNaming] = useState(false);
  const [shown, setShown] = useState<Shown>();
  const [asking, setAsking] = useState<{ agent: Agent; what: "rotate" | "revoke" }>();
  if (!data) return <Problem error={error} />;
  const { agents } = data;
  const isNaming = naming || (agents.length === 0 && !shown);
  return (
    <>
      <div className="title">
        <h1>Agents</h1>
        {!isNaming && (
          <button type="button" className="primary" onClick={() => setNaming(true)}>
            New agent
          </button>
        )}
      </div>
      <Problem error={error} />
      {agents.length === 0 && !shown && (
        <Empty title="No agent yet">
          <p>
            An agent builds and runs the environments on its Docker host. Give the first one a name; its token
            is shown once.
          </p>
        </Empty>
      )}
      {isNaming && (
        <NewAgentForm
          onMade={async (made) => {
            setShown(made);
            setNaming(false);
            await refresh();
          }}
          onClose={agents.length === 0 ? undefined : () => setNaming(false)}
        />
      )}
      {shown && (
        <TokenPanel
          name={shown.agent.name}
          token={shown.token}
          agent={agents.find(({ id }) => id === shown.agent.id) ?? shown.agent}
          onClose={() => setShown(undefined)}
        />
      )}
      {agents.length > 0 && (
        <div className="table agents">
          <div className="row heads" aria-hidden="true">
            <span>state</span>
            <span>name</span>
            <span>version</span>
            <span>engine</span>
            <span>slots</span>
            <span>disk</span>
            <span>heartbeat</span>
            <span />
          </div>
          {agents.map((agent) => (
            <AgentRow key={agent.id} agent={agent} now={now} onAsk={(what) => setAsking({ agent, what })} />
          ))}
        </div>
      )}
      {asking?.what === "rotate" && (
        <Confirm
          title={`New token for ${asking.agent.name}?`}
          verb="Make a new token"
          work={async () => {
            setShown(await call<Shown>("POST", `/agents/${asking.agent.id}/rotate`));
            await refresh();
          }}
          onClose={() => setAsking(undefined)}
        >
          <p>
            The token before is refused from then on. A running agent goes on with the credential that it
            holds.
          </p>
        </Confirm>
      )}
      {asking?.what === "revoke" && (
        <Confirm
          title={`Revoke ${asking.agent.name}?`}
          verb="Revoke"
          work={async () => {
            await call("DELETE", `/agents/${asking.agent.id}`);
            await refresh();
          }}
          onClose={() => setAsking(undefined)}
        >
          <p>
            Its connection is cut at once and its deployments fail. What runs on its machine is not touched.
          </p>
        </Confirm>
      )}
    </>
  );
}
