import type { ServiceFile } from "../manifest.js";
import { suggestion } from "../text/findings.js";
import { type Located, type LocatedMap, shown } from "../text/located.js";
import { escapeDollars } from "../text/template.js";
import { checkKeys } from "./keys.js";
import { lookUpOf, pathOf, type Scope } from "./scope.js";
import { booleanOf, itemsOf, mapOf, meantBy, templateOf, textOf } from "./values.js";

type Section = "configs" | "secrets";

/** Text stays text, for people and for variables; what is none is kept as it is. */
export function contentOf(bytes: Uint8Array): { readonly text: string } | { readonly base64: string } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes("\0")) return { text: escapeDollars(text) };
  } catch {} // it is no text
  return { base64: Buffer.from(bytes).toString("base64") };
}

const longKeys = {
  read: ["source", "target", "mode"],
  leftOut: { uid: "files belong to root", gid: "files belong to root" },
};

/** `configs` or `secrets` of a service as files in its container. */
export async function mountedFiles(
  scope: Scope,
  section: Section,
  located: Located | undefined,
  declared: LocatedMap | undefined,
  where: string,
): Promise<readonly ServiceFile[]> {
  const { findings } = scope;
  const files: ServiceFile[] = [];
  for (const item of itemsOf(located, where, findings)) {
    const long = item.kind === "map" ? item : undefined;
    if (long) checkKeys(long, where, longKeys, findings);
    const from = long ? long.entries.get("source")?.value : item;
    const source = textOf(from, where, findings, "a name");
    if (source === undefined || !from) {
      findings.problem(
        item.place,
        `${where}: found ${shown(from)}; accepted: a name of the file's ${section}`,
      );
      continue;
    }
    const declaration = declared?.entries.get(source)?.value;
    if (!declared?.entries.has(source)) {
      const names = [...(declared?.entries.keys() ?? [])];
      findings.problem(
        from.place,
        `${where}: found ${source}, which is not in the file's ${section}${suggestion(source, names, `its ${section}`)}`,
      );
      continue;
    }
    const content = await declaredContent(scope, section, source, declaration);
    const given = textOf(long?.entries.get("target")?.value, `${where}.target`, findings, "a path");
    const mode = meantBy(
      long?.entries.get("mode")?.value,
      `${where}.mode`,
      findings,
      modeOf,
      "a mode such as 0440",
    );
    const home = section === "secrets" ? "/run/secrets/" : "/";
    const target = given?.startsWith("/") ? given : `${home}${given ?? source}`;
    if (target.split("/").includes(".."))
      findings.problem(item.place, `${where}.target: found ${target}; accepted: an absolute path`);
    else if (content) files.push({ target, content, mode: mode ?? 0o444 });
  }
  return files;
}

const modeOf = (text: string) =>
  /^0?o?[0-7]{3,4}$/.test(text) ? Number.parseInt(text.replace("o", ""), 8) : undefined;

/** What the file's `configs` or `secrets` say of one of them. */
async function declaredContent(
  scope: Scope,
  section: Section,
  name: string,
  declaration: Located | undefined,
): Promise<ServiceFile["content"] | undefined> {
  const { findings, repository, variables } = scope;
  const where = `${section}.${name}`;
  const map = mapOf(declaration, where, findings, "{file}, {environment}, {content} or {external}");
  const place = map?.place ?? declaration?.place;
  if (!map) {
    if (place)
      findings.problem(
        place,
        `${where}: found nothing; accepted: {file}, {environment}, {content} or {external}`,
      );
    return undefined;
  }
  const value = (key: string) => map.entries.get(key)?.value;
  const secret = [name, name.toUpperCase().replaceAll("-", "_")].find((one) =>
    variables.secretNames.includes(one),
  );
  const setIt = `set a secret of the project named ${name.replace(/[^A-Za-z0-9_]/g, "_")}`;
  if (booleanOf(value("external"), `${where}.external`, findings)) {
    const called = textOf(value("name"), `${where}.name`, findings, "a name") ?? name;
    if (variables.secretNames.includes(called)) return { secret: called };
    if (secret !== undefined) return { secret };
    if (!variables.secretsKnown) return later(map, called);
    return void findings.problem(
      map.place,
      `${where}: is kept outside of the repository; accepted: ${setIt}`,
    );
  }
  const content = value("content");
  if (content) return { text: templateOf(content, `${where}.content`, findings) ?? "" };
  const environment = value("environment");
  if (environment) {
    const variable = textOf(environment, `${where}.environment`, findings, "the name of a variable") ?? "";
    if (variables.secretNames.includes(variable)) return { secret: variable };
    const found = lookUpOf(scope)(variable);
    if (typeof found === "string") return { text: escapeDollars(found) };
    if (found) return { text: "template" in found ? found.template : `\${${variable}}` };
    if (!variables.secretsKnown) return later(environment, variable);
    return void findings.problem(
      environment.place,
      `${where}.environment: the variable ${variable} is not set; accepted: a variable or a secret of the project`,
    );
  }
  const file = value("file");
  const text = textOf(file, `${where}.file`, findings, "a path");
  if (!file || text === undefined) {
    return void findings.problem(
      map.place,
      `${where}: found none of file, environment, content and external; accepted: one of them`,
    );
  }
  const path = pathOf(scope, file, text, `${where}.file`);
  if (path === undefined) return undefined;
  const there = (await repository.modes([path])).has(path);
  // What is secret is rarely committed.
  if (!there && secret !== undefined) return { secret };
  if (!there && section === "secrets" && !variables.secretsKnown) return later(file, name);
  if (!there && section === "secrets") {
    return void findings.problem(
      file.place,
      `${where}.file: ${path} is not in the commit; accepted: a file of it, or ${setIt}`,
    );
  }
  const bytes = await repository.get(path, findings, file.place);
  return bytes && contentOf(bytes);

  function later(at: Located, wanted: string): ServiceFile["content"] {
    findings.warn(at.place, `${where}: needs a secret of the project named ${wanted}`);
    return { secret: wanted };
  }
}
