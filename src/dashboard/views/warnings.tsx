import type { DeploymentModel } from "../model/deployment-model.js";
import { counted } from "../model/format.js";
import { Mark } from "../ui/mark.js";

const most = 200;

/** What BuildKit finds fault with, service by service; folded away until somebody asks. */
export function Warnings({ model }: { model: DeploymentModel }) {
  const all = model.services.flatMap(({ name, build }) =>
    (build?.warnings ?? []).map((warning) => ({ service: name, warning })),
  );
  if (all.length === 0) return null;
  return (
    <details className="warnings">
      <summary>
        <Mark look={{ tone: "warn", shape: "bang", word: "warning" }} />
        {counted(all.length, "warning")}
      </summary>
      <ul>
        {all.slice(0, most).map(({ service, warning }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: warnings are only added
          <li key={index}>
            <span className="quiet">
              {service} {warning.filename ?? ""}
              {warning.lines[0] ? `:${warning.lines[0].start}` : ""}
            </span>{" "}
            <b>{warning.rule}</b> {warning.message}
            {warning.detail.length > 0 && <div className="quiet">{warning.detail.join(" ")}</div>}
          </li>
        ))}
      </ul>
    </details>
  );
}
