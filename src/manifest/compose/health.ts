import type { ContainerHealthCheck } from "../manifest.js";
import { type Located, shown } from "../text/located.js";
import { secondsOf } from "../units.js";
import { checkKeys } from "./keys.js";
import type { Scope } from "./scope.js";
import { booleanOf, itemsOf, mapOf, meantBy, templateOf } from "./values.js";

const keys = {
  read: ["test", "interval", "timeout", "retries", "start_period", "disable"],
  leftOut: { start_interval: "not every engine knows it" },
};

/** `healthcheck` of a service. */
export function healthCheckOf(
  { findings }: Scope,
  located: Located | undefined,
  where: string,
): ContainerHealthCheck | "none" | undefined {
  const map = mapOf(located, where, findings);
  if (!map) return undefined;
  checkKeys(map, where, keys, findings);
  const value = (key: string) => map.entries.get(key)?.value;
  if (booleanOf(value("disable"), `${where}.disable`, findings) === true) return "none";
  const test = testOf(value("test"));
  const seconds = (key: string) =>
    meantBy(value(key), `${where}.${key}`, findings, secondsOf, "a duration such as 30s or 1m30s");
  const whole = (text: string) => (/^\d{1,4}$/.test(text) ? Number(text) : undefined);
  const rest = {
    intervalSeconds: seconds("interval"),
    timeoutSeconds: seconds("timeout"),
    startPeriodSeconds: seconds("start_period"),
    retries: meantBy(value("retries"), `${where}.retries`, findings, whole, "a whole number"),
  };
  return test === "none" || !test ? test : { test, ...rest };

  function testOf(test: Located | undefined): readonly string[] | "none" | undefined {
    if (!test) {
      findings.warn(map?.place ?? { file: "" }, `${where} is left out: it has no test`);
      return undefined;
    }
    if (test.kind === "scalar") {
      const line = templateOf(test, `${where}.test`, findings);
      return line === undefined ? undefined : line === "NONE" ? "none" : ["CMD-SHELL", line];
    }
    const words = itemsOf(test, `${where}.test`, findings).map(
      (word) => templateOf(word, `${where}.test`, findings) ?? "",
    );
    if (words[0] === "NONE") return "none";
    if ((words[0] === "CMD" || words[0] === "CMD-SHELL") && words.length > 1) return words;
    const found =
      words[0] === undefined ? shown(test) : `a list that begins with ${JSON.stringify(words[0])}`;
    return void findings.problem(
      test.place,
      `${where}.test: found ${found}; accepted: a line, or a list that begins with CMD, CMD-SHELL or NONE`,
    );
  }
}
