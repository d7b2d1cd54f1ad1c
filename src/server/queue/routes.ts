import { z } from "zod";
import { recordAudit } from "../audit/index.js";
import {
  deploymentView,
  idParams,
  nameParams,
  projectByName,
  readDeployment,
  readEnvironment,
  viewDeployment,
} from "../deployments/index.js";
import { type App, actorOf, requireScope } from "../http/index.js";
import { cancelDeployment } from "./cancel-deployment.js";
import type { QueueDeps } from "./deps.js";
import { environmentOf, refPattern } from "./environment-name.js";
import { requestDeployment } from "./request-deployment.js";

const common = {
  commit: z
    .string()
    .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "a full commit id")
    .nullable()
    .default(null)
    .describe("Exactly this commit; without, what the ref is when it is fetched."),
  useCache: z
    .boolean()
    .default(true)
    .describe("False: every service is built anew, without BuildKit's cache."),
  fork: z
    .boolean()
    .nullable()
    .default(null)
    .describe(
      "True: the code comes from a fork, keeps caches of its own and gets no secrets. False: it does not, whatever the repository's branches say. Without: it is a fork's unless a branch or tag of the repository has the commit.",
    ),
};
const deployBody = z.union([
  z.strictObject({
    pr: z
      .int()
      .min(1)
      .max(2 ** 31 - 1),
    ...common,
  }),
  z.strictObject({ ref: z.string().regex(refPattern, "a branch, a tag or a commit"), ...common }),
]);

/** Asking for deployments, and for their end. */
export function queueRoutes(app: App, deps: QueueDeps): void {
  const { db } = deps;
  const deploy = requireScope("deploy");

  app.post(
    "/projects/:name/deployments",
    {
      ...deploy,
      schema: {
        tags: ["deployments"],
        summary: "Deploys a pull request or a ref. The latest request of an environment wins.",
        params: nameParams,
        body: deployBody,
        response: { 201: deploymentView },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const project = await projectByName(db, request.params.name);
      const { name, pr, ref } = environmentOf(body);
      const actor = actorOf(request);
      const { deployment } = await requestDeployment(
        deps,
        {
          project: project.id,
          environment: { name, pr },
          kind: "deploy",
          ref,
          commit: body.commit,
          useCache: body.useCache,
          fork: body.fork,
          requestedBy: actor.name,
        },
        async (tx) => {
          await recordAudit(tx, actor, "deployment.create", `${project.name}/${name}`);
          // It may give secrets to code that its writer could not read.
          if (body.fork === false)
            await recordAudit(tx, actor, "deployment.no-fork", `${project.name}/${name}`);
        },
      );
      return reply.code(201).send(viewDeployment(await readDeployment(db, deployment.id)));
    },
  );

  app.post(
    "/environments/:id/terminate",
    {
      ...deploy,
      schema: {
        tags: ["environments"],
        summary: "Takes an environment down. Supersedes all of its deployments.",
        params: idParams,
        response: {
          200: deploymentView.describe("It is being taken down already."),
          201: deploymentView.describe("The deployment that takes it down."),
        },
      },
    },
    async (request, reply) => {
      const { environment, project } = await readEnvironment(db, request.params.id);
      const actor = actorOf(request);
      const { deployment, joined } = await requestDeployment(
        deps,
        {
          project: environment.projectId,
          environment,
          kind: "terminate",
          ref: "",
          commit: null,
          useCache: true,
          fork: null,
          requestedBy: actor.name,
        },
        (tx) => recordAudit(tx, actor, "environment.terminate", `${project}/${environment.name}`),
      );
      const view = viewDeployment(await readDeployment(db, deployment.id));
      return reply.code(joined ? 200 : 201).send(view);
    },
  );

  app.post(
    "/deployments/:id/cancel",
    {
      ...deploy,
      schema: {
        tags: ["deployments"],
        summary: "Cancels a deployment: one that waits at once, one under way when its agent has stopped.",
        params: idParams,
        response: { 200: deploymentView },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { project, environment } = await readDeployment(db, id);
      const actor = actorOf(request);
      await cancelDeployment(deps, id, (tx) =>
        recordAudit(tx, actor, "deployment.cancel", `${project}/${environment.name}`),
      );
      return viewDeployment(await readDeployment(db, id));
    },
  );
}
