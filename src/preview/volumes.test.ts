import { expect, test } from "vitest";
import type { Service } from "../manifest/index.js";
import { volumesOf, writesAlone } from "./volumes.js";

const owner = { agent: "agt1", project: "shop", environment: "e1" };
const service = (more: Partial<Service>): Service => ({
  name: "db",
  kind: "database",
  image: "x",
  env: {},
  dependsOn: [],
  ...more,
});
const image = { volumes: ["/var/lib/data"] };
const of = (one: Service, others: Service[] = [], number = 3) => {
  const volumes = volumesOf(owner, one, image, { services: [one, ...others] }, number);
  return { volumes, names: volumes.map(({ name }) => name), alone: writesAlone(one, volumes) };
};

test("a database keeps what its image declares under the same name over all deployments, and is replaced in place", () => {
  const { volumes, names, alone } = of(service({}));
  expect(volumes.map(({ target }) => target)).toEqual(["/var/lib/data"]);
  expect(names[0]).toMatch(/^galley-pv-e1-db-[0-9a-f]{8}$/);
  expect(names).toEqual(of(service({}), [], 4).names);
  expect(alone).toBe(true);
});

test("what keeps nothing has volumes without a name, and may run twice", () => {
  const { names, alone } = of(service({ ephemeral: true, volumes: [{ target: "/x", readOnly: false }] }));
  expect(names).toEqual([undefined, undefined]);
  expect(alone).toBe(false);
});

test("what the image of another service declares is not kept", () => {
  expect(of(service({ kind: "web" })).names).toEqual([]);
});

test("a volume of the manifest takes the place of the image's at the same path", () => {
  const { volumes } = of(service({ volumes: [{ target: "/var/lib/data", readOnly: false, name: "rows" }] }));
  expect(volumes).toMatchObject([{ target: "/var/lib/data", name: "galley-pv-e1.rows", shared: false }]);
});

test("services share a volume by its name, and may then run side by side; a database never does", () => {
  const volumes = [{ target: "/up", readOnly: false, name: "uploads" }];
  const web = service({ name: "web", kind: "web", volumes });
  const worker = service({ name: "worker", kind: "worker", volumes });
  expect(of(web, [worker])).toMatchObject({ names: ["galley-pv-e1.uploads"], alone: false });
  expect(of(web)).toMatchObject({ alone: true });
  expect(of(service({ volumes }), [worker])).toMatchObject({ alone: true });
  expect(of(service({ name: "web", kind: "web", volumes: [{ ...volumes[0]!, readOnly: true }] })).alone).toBe(
    false,
  );
});

test("a shared volume is made anew with each deployment when none of those who share it keeps anything", () => {
  const volumes = [{ target: "/up", readOnly: false, name: "scratch" }];
  const [a, b] = ["a", "b"].map((name) => service({ name, kind: "worker", ephemeral: true, volumes }));
  expect(of(a!, [b!]).names).toEqual(["galley-pv-e1.scratch.3"]);
  expect(of(a!, [{ ...b!, ephemeral: false }]).names).toEqual(["galley-pv-e1.scratch"]);
});
