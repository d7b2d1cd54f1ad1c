import { beforeAll, expect, test } from "vitest";
import type { Docker } from "../../src/docker/index.js";
import { removeUnusedImages, startEnvironment, stopEnvironment } from "../../src/preview/index.js";
import { docker as cli, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { cleanUpAfterEach } from "./clean-up.js";
import { cleared, dockerOf, environment, manifestOf, soon } from "./engine-docker.js";

const cleanUp = cleanUpAfterEach();

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });

    test("images go when no environment has them any more, those with other names, of others and in use stay", async () => {
      const [agent, other, project] = [labName("agt"), labName("agt"), labName("shop")];
      const build = async (name: string, of: string, more = "") => {
        const labels = `LABEL sh.galley.agent=${of} sh.galley.project=${project} test=${name.replace(/[^a-z0-9]/g, "-")}`;
        const args = ["build", "-q", "-t", name, "-"];
        await cli(engine, args, { input: `FROM busybox\n${labels}\n${more}` });
        cleanUp.push(() => purgeImage(engine, name));
        return name;
      };
      const ours = `galley/${project}`;
      const used = await build(
        `${ours}:used`,
        agent,
        'CMD ["sh", "-c", "trap \\"exit 0\\" TERM; sleep 3600 & wait"]\n',
      );
      await cli(engine, ["tag", used, `${ours}:pr-1-app`]);
      cleanUp.push(() => purgeImage(engine, `${ours}:pr-1-app`));
      const unused = await build(`${ours}:unused`, agent);
      const foreign = await build(`${ours}:foreign`, other);
      const named = await build(`${ours}:named`, agent);
      const theirs = `${project}-by-hand:1`;
      await cli(engine, ["tag", named, theirs]);
      cleanUp.push(() => purgeImage(engine, theirs));
      const there = async () =>
        (await cli(engine, ["images", "--format", "{{.Repository}}:{{.Tag}}"]))
          .split("\n")
          .filter((name) => name.includes(project))
          .map((name) => name.replace(`${ours}:`, "").replace(project, ""))
          .sort();
      expect(unused).toContain("unused");

      const one = environment(engine, manifestOf({ app: { image: used } }), agent);
      cleanUp.push(() => cleared(docker, one.owner));
      await startEnvironment(docker, one.manifest, one.options);
      // A stopped container has its image, too.
      await cli(engine, ["create", "--name", labName("stopped"), foreign]).then((id) =>
        cleanUp.push(() => cli(engine, ["rm", "-f", id.trim()])),
      );
      expect(await removeUnusedImages(docker, { agent, project }, soon())).toBe(1);
      expect(await there()).toEqual(["-by-hand:1", "foreign", "pr-1-app", "used"]);
      await stopEnvironment(docker, one.owner, soon());
      expect(await removeUnusedImages(docker, { agent, project }, soon())).toBe(1);
      expect(await there()).toEqual(["-by-hand:1", "foreign"]);
      expect(await removeUnusedImages(docker, { agent, project }, soon())).toBe(0);
    });

    test("two agents with environments of one id do not touch each other's, nor what is nobody's", async () => {
      const idle = { image: "busybox", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] };
      const one = environment(engine, manifestOf({ idle }));
      cleanUp.push(() => cleared(docker, one.owner));
      await startEnvironment(docker, one.manifest, one.options);
      const like = { environment: one.owner.environment, agent: labName("agt") };
      const label = ["--label", `sh.galley.environment=${like.environment}`];
      // What only looks as if: one of another agent, one of none.
      for (const args of [[...label, "--label", `sh.galley.agent=${like.agent}`], label]) {
        const id = (await cli(engine, ["run", "-d", ...args, "busybox", "sleep", "3600"])).trim();
        cleanUp.push(() => cli(engine, ["rm", "-f", id]).catch(() => {}));
      }
      const volume = labName("volume");
      await cli(engine, ["volume", "create", ...label, volume]);
      cleanUp.push(() => cli(engine, ["volume", "rm", volume]));
      const containers = async () =>
        (await cli(engine, ["ps", "-q", "--filter", `label=sh.galley.environment=${like.environment}`]))
          .split("\n")
          .filter(Boolean).length;
      expect(await containers()).toBe(3);
      expect(await stopEnvironment(docker, one.owner, soon(), { graceSeconds: 0 })).toBe(2);
      expect(await containers()).toBe(2);
      expect(await stopEnvironment(docker, like, soon(), { graceSeconds: 0 })).toBe(1);
      expect(await containers()).toBe(1);
      expect(await cli(engine, ["volume", "ls", "-q"])).toContain(volume);
    });
  },
  ({ name }) => name === "28c",
);
