import { nearest } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import type { Hook, Manifest, Service, ServiceFile } from "./manifest.js";
import { parseTemplate, resolveTemplate } from "./text/template.js";

/** What `${NAME}` may stand for. */
export interface Variables {
  /** By name: those of `previewVariables`, and the project's own. */
  readonly values: Readonly<Record<string, string>>;
  /** The project's secrets: for `env` and files only, as everything else is shown to people. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Characters of one text after its variables are put in. */
const longest = 256 * 1024;

/**
 * The manifest with `${NAME}` replaced by values in env, build arguments, images, commands, health checks, hooks and the texts of files;
 * `$$` is a dollar, and `${NAME:-default}` and its like mean what they mean in compose files. Pure.
 *
 * @throws manifest_invalid with every name that is not known, or that is a secret where secrets may not be
 */
export function interpolate(manifest: Manifest, { values, secrets }: Variables): Manifest {
  const problems: string[] = [];
  const fill = (text: string, where: string, secretsToo: boolean): string => {
    if (!text.includes("$")) return text;
    const pieces = parseTemplate(text, false);
    if (typeof pieces === "string") {
      problems.push(`${where}: ${pieces}`);
      return text;
    }
    const filled = resolveTemplate(pieces, {
      asTemplate: false,
      lookUp: (name) => {
        if (Object.hasOwn(values, name)) return values[name];
        if (!Object.hasOwn(secrets, name)) return undefined;
        if (secretsToo) return secrets[name];
        problems.push(
          `${where}: \${${name}} is a secret, and this is shown to people; accepted: secrets in env and in files`,
        );
        return "";
      },
      onUnset: (name) => {
        const known = [...Object.keys(values), ...Object.keys(secrets)];
        const near = nearest(name, known) ?? nearestOfOurs(name, known);
        const hint = near === undefined ? "" : `; did you mean \${${near}}?`;
        problems.push(`${where}: \${${name}} is not known${hint}`);
        return "";
      },
      onRequired: (name, text) =>
        void problems.push(`${where}: \${${name}} is needed: ${text || "it has no value"}`),
    });
    if (filled.length <= longest) return filled;
    problems.push(`${where}: is longer than ${longest} characters with its variables`);
    return "";
  };
  const words = (list: readonly string[] | undefined, where: string) =>
    list?.map((word) => fill(word, where, false));
  const record = (texts: Readonly<Record<string, string>>, where: string, secretsToo: boolean) =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, fill(text, `${where}.${name}`, secretsToo)]),
    );
  const hooks = (list: readonly Hook[] | undefined, where: string) =>
    list?.map((hook, index) => ({
      ...hook,
      command: words(hook.command, `${where}[${index}].command`) ?? [],
    }));

  const services = manifest.services.map((service): Service => {
    const at = `services.${service.name}`;
    const { build, image, healthCheck } = service;
    return {
      ...service,
      ...(build ? { build: { ...build, args: record(build.args, `${at}.build.args`, false) } } : {}),
      ...(image === undefined ? {} : { image: fill(image, `${at}.image`, false) }),
      ...(service.entrypoint ? { entrypoint: words(service.entrypoint, `${at}.entrypoint`) } : {}),
      ...(service.command ? { command: words(service.command, `${at}.command`) } : {}),
      env: record(service.env, `${at}.env`, true),
      ...(service.files ? { files: service.files.map((file) => withText(file, `${at}.files`)) } : {}),
      ...(typeof healthCheck === "object"
        ? { healthCheck: { ...healthCheck, test: words(healthCheck.test, `${at}.healthcheck`) ?? [] } }
        : {}),
    };
  });
  const filled: Manifest = {
    ...manifest,
    services,
    ...(manifest.onCreate ? { onCreate: hooks(manifest.onCreate, "on_create") } : {}),
    ...(manifest.onDeploy ? { onDeploy: hooks(manifest.onDeploy, "on_deploy") } : {}),
  };
  if (problems.length > 0) {
    throw new GalleyError("manifest_invalid", [...new Set(problems)].join("\n"), {
      hint: "Known are GALLEY_… (docs/galley-yml.md lists them), the project's variables and its secrets; $$ is a dollar.",
    });
  }
  return filled;

  function withText(file: ServiceFile, where: string): ServiceFile {
    const { content } = file;
    if (!("text" in content)) return file;
    return { ...file, content: { text: fill(content.text, `${where} ${file.target}`, true) } };
  }
}

/** `GALLEY_PREVIEW_URL_api` where only web is public: another service's name is no slip of the pen. */
function nearestOfOurs(name: string, known: readonly string[]): string | undefined {
  const [front] = /^GALLEY_(?:PREVIEW_(?:HOST|URL)_)?/i.exec(name) ?? [];
  return front === undefined ? undefined : known.find((one) => one.startsWith(front.toUpperCase()));
}
