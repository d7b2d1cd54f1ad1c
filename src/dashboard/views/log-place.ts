import type { LogPlace } from "../model/deployment-model.js";

// Which log is looked at stands in the address, so that it is the same after a reload and for whom the address is sent to.

export function placeFromUrl(): LogPlace | undefined {
  const query = new URLSearchParams(location.search);
  const [service, step] = [query.get("service"), query.get("step")];
  if (service !== null) return step === null ? { service } : { service, step };
  return query.has("all") ? {} : undefined;
}

export function placeToUrl({ service, step }: LogPlace): void {
  const query = new URLSearchParams();
  if (service === undefined) query.set("all", "");
  else query.set("service", service);
  if (step !== undefined) query.set("step", step);
  history.replaceState(null, "", `${location.pathname}?${query}`);
}
