import { expect, test } from "vitest";
import { interpolate, type Manifest, previewVariables } from "./index.js";

const service = { name: "web", kind: "web", env: {}, dependsOn: [] } as const;
const manifest = (part: object): Manifest => ({ services: [{ ...service, ...part }] });
const values = previewVariables({
  addresses: new Map([["admin-ui", { host: "pr-7-shop.example.org", url: "https://pr-7-shop.example.org" }]]),
  pullRequest: 7,
  commit: "c0ffee",
  environment: "pr-7",
  project: "shop",
});
const secrets = { DB_PASSWORD: "s3cr$t$$" };

function problemsOf(part: object, known = { values, secrets }): string[] {
  try {
    interpolate(manifest(part), known);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  throw new Error("nothing was thrown");
}

test("the variables of a preview are its addresses, number, commit, environment and project", () => {
  expect(values).toEqual({
    GALLEY_ENVIRONMENT: "pr-7",
    GALLEY_PROJECT: "shop",
    GALLEY_COMMIT: "c0ffee",
    GALLEY_PR_NUMBER: "7",
    GALLEY_PREVIEW_HOST_admin_ui: "pr-7-shop.example.org",
    GALLEY_PREVIEW_URL_admin_ui: "https://pr-7-shop.example.org",
    GALLEY_PREVIEW_HOST_ADMIN_UI: "pr-7-shop.example.org",
    GALLEY_PREVIEW_URL_ADMIN_UI: "https://pr-7-shop.example.org",
  });
  const branch = {
    addresses: new Map(),
    pullRequest: null,
    commit: "c",
    environment: "ref-main",
    project: "p",
  };
  expect(previewVariables(branch)).toMatchObject({ GALLEY_PR_NUMBER: "" });
});

test("names are replaced in env, arguments, images, commands, health checks, files and hooks", () => {
  const before = {
    ...manifest({
      build: { path: ".", dockerfile: "Dockerfile", args: { V: "${GALLEY_COMMIT}" } },
      image: "acme/web:${GALLEY_COMMIT}",
      entrypoint: ["/run", "--pr=${GALLEY_PR_NUMBER}"],
      command: ["sh", "-c", "echo $HOME $$PATH ${GALLEY_PROJECT}"],
      env: {
        URL: "${GALLEY_PREVIEW_URL_admin_ui}/a",
        DB: "postgres://u:${DB_PASSWORD}@db/x",
        PRICE: "5 $$ or 5 $",
      },
      files: [
        { target: "/a", content: { text: "pw=${DB_PASSWORD}" }, mode: 0o444 },
        { target: "/b", content: { base64: "JHtYfQ==" }, mode: 0o444 },
        { target: "/c", content: { secret: "DB_PASSWORD" }, mode: 0o400 },
      ],
      healthCheck: { test: ["CMD-SHELL", "test $$X = ${GALLEY_PR_NUMBER}"], retries: 3 },
    }),
    onCreate: [{ service: "web", command: ["seed", "${GALLEY_ENVIRONMENT}"], timeoutSeconds: 1 }],
    onDeploy: [{ service: "web", command: ["migrate", "${GALLEY_ENVIRONMENT:-x}"], timeoutSeconds: 1 }],
  };
  const { services, onCreate, onDeploy } = interpolate(before, { values, secrets });
  expect(services[0]).toMatchObject({
    build: { args: { V: "c0ffee" } },
    image: "acme/web:c0ffee",
    entrypoint: ["/run", "--pr=7"],
    command: ["sh", "-c", "echo $HOME $PATH shop"],
    env: {
      URL: "https://pr-7-shop.example.org/a",
      DB: "postgres://u:s3cr$t$$@db/x",
      PRICE: "5 $ or 5 $",
    },
    files: [
      { content: { text: "pw=s3cr$t$$" } },
      { content: { base64: "JHtYfQ==" } },
      { content: { secret: "DB_PASSWORD" } },
    ],
    healthCheck: { test: ["CMD-SHELL", "test $X = 7"], retries: 3 },
  });
  expect(onCreate?.[0]?.command).toEqual(["seed", "pr-7"]);
  expect(onDeploy?.[0]?.command).toEqual(["migrate", "pr-7"]);
});

test("defaults, complaints and replacements mean what they mean in compose files", () => {
  const env = {
    A: "${NOT:-a ${GALLEY_PROJECT}}",
    B: "${EMPTY-b}",
    C: "${EMPTY:-c}",
    D: "${GALLEY_PROJECT:+d}",
    E: "${EMPTY:+e}",
    F: "${NOT+f}",
  };
  const known = { values: { ...values, EMPTY: "" }, secrets };
  expect(interpolate(manifest({ env }), known).services[0]?.env).toEqual({
    A: "a shop",
    B: "",
    C: "c",
    D: "d",
    E: "",
    F: "",
  });
  expect(problemsOf({ env: { A: "${NOT:?set it in the project}", B: "${NOT?}" } })).toEqual([
    "services.web.env.A: ${NOT} is needed: set it in the project",
    "services.web.env.B: ${NOT} is needed: it has no value",
  ]);
});

test("an unknown name is a problem that names the place and the nearest match, all of them at once", () => {
  expect(
    problemsOf({
      env: { A: "${GALLEY_PR_NUMER}", B: "${GALLEY_PREVIEW_URL_api}", C: "${DB_PASWORD}", D: "${OTHER}" },
      command: ["${arr[@]}", "${"],
    }),
  ).toEqual([
    "services.web.command: found ${arr[@]}; accepted: ${NAME}, and $$ for a dollar",
    "services.web.command: found ${; accepted: ${NAME}, and $$ for a dollar",
    "services.web.env.A: ${GALLEY_PR_NUMER} is not known; did you mean ${GALLEY_PR_NUMBER}?",
    "services.web.env.B: ${GALLEY_PREVIEW_URL_api} is not known; did you mean ${GALLEY_PREVIEW_URL_admin_ui}?",
    "services.web.env.C: ${DB_PASWORD} is not known; did you mean ${DB_PASSWORD}?",
    "services.web.env.D: ${OTHER} is not known",
  ]);
});

test("a secret goes into variables and files, and nowhere where people would see it", () => {
  const refused =
    "${DB_PASSWORD} is a secret, and this is shown to people; accepted: secrets in env and in files";
  expect(
    problemsOf({
      build: { path: ".", dockerfile: "Dockerfile", args: { P: "${DB_PASSWORD}" } },
      image: "acme/${DB_PASSWORD}",
      command: ["--password", "${DB_PASSWORD}"],
    }),
  ).toEqual([
    `services.web.build.args.P: ${refused}`,
    `services.web.image: ${refused}`,
    `services.web.command: ${refused}`,
  ]);
});

test("values are not looked into for further names, and prototypes give none", () => {
  const known = { values: { A: "${B}", B: "b" }, secrets: {} };
  expect(interpolate(manifest({ env: { X: "${A}" } }), known).services[0]?.env).toEqual({ X: "${B}" });
  expect(problemsOf({ env: { X: "${constructor}" } })).toEqual([
    "services.web.env.X: ${constructor} is not known",
  ]);
  const deep = `${"${A:-".repeat(12)}${"}".repeat(12)}`;
  expect(problemsOf({ env: { X: deep } })).toEqual([
    "services.web.env.X: variables stand in one another more than 10 levels deep",
  ]);
});

test("nothing of the manifest that was given is changed", () => {
  const before = manifest({ env: { A: "${GALLEY_PROJECT}" } });
  const copy = structuredClone(before);
  interpolate(before, { values, secrets });
  expect(before).toEqual(copy);
});
