import type { DeploymentModel } from "./deployment-model.js";
import { counted, formatBytes } from "./format.js";
import type { ServiceModel } from "./service-model.js";

// What one line says of a service, and of what comes before the services.

/** State word of a service: its container's, or before there is one its build's. */
export function serviceState({ action, build, last, name }: ServiceModel, model: DeploymentModel): string {
  if (build?.end?.outcome === "failed" || build?.end?.outcome === "cancelled") return build.end.outcome;
  if (last) return last.state;
  if (build?.end) return build.end.outcome;
  if (build?.startedAt !== undefined) return "building";
  if (model.finishedAt !== undefined && action !== "" && name !== "") return "cancelled";
  return action === "reuse" || action === "same-as" ? "reused" : "waiting";
}

/** What was done for a service. */
export function serviceSummary({ action, build, image, last }: ServiceModel): string {
  if (last?.detail && last.state === "failed") return last.detail;
  if (build?.end?.outcome === "built") {
    const { total, cached } = build.end.steps;
    const sent = build.end.sent;
    const context =
      sent && sent.files > 0 ? `, sent ${counted(sent.files, "file")} (${formatBytes(sent.bytes)})` : "";
    return `${cached} of ${total} steps cached${context}`;
  }
  if (build && build.steps.length > 0) {
    const { steps } = build;
    const ended = steps.filter(({ state }) => state !== "waiting" && state !== "running").length;
    const running = steps.find(({ state }) => state === "running");
    return `${ended} of ${steps.length} steps${running ? ` · ${running.name.label}` : ""}`;
  }
  if (action === "reuse") return "same inputs as before: not built again";
  if (action === "same-as") return "the image of another service";
  if (action === "pull") return image ?? "an image";
  return last?.detail ?? "";
}

/** When the sources were fetched: from the first word of the agent until builds began. */
export function sourceTimes(model: DeploymentModel): { from: number; to: number | undefined } | undefined {
  const from = model.states.get("preparing") ?? model.states.get("claimed");
  if (from === undefined) return undefined;
  return { from, to: model.states.get("building") ?? model.states.get("starting") ?? model.finishedAt };
}
