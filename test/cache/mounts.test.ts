import { afterAll, beforeAll, expect, test } from "vitest";
import { onEachEngine } from "../support/engines.js";
import { type CacheWorld, cacheWorld, unique } from "./world.js";

onEachEngine(
  (engine) => {
    let world: CacheWorld;
    beforeAll(async () => {
      world = await cacheWorld(engine);
    });
    afterAll(async () => {
      await world.remove();
    });
    // The id is in the command, too: 20.10 describes a mount by nothing else.
    const mount = (id: string, options = "") => `--mount=type=cache,id=${id},target=/m${options} : ${id};`;

    test("A cache mount that was pruned is filled with what was stored, as it was", async () => {
      const id = unique("prune");
      const look =
        "cd /m && find . -exec stat -c '%n %f %u %g %h' {} + | sort && readlink l && cat 'a name/ü' && stat -c %Y f";
      const make =
        "cd /m && mkdir 'a name' && echo inner > 'a name/ü' && ln -s /nowhere l && echo x > f && ln f hard && chmod 4751 f && chown 12:34 f && mkfifo p && chmod 1777 'a name' && touch -d '2001-02-03 04:05:06' f";
      const before = await world.build(`RUN ${mount(id)} ${make} && ${look}`);
      expect(before).toContain("/nowhere");
      expect(await world.forget(id)).toBeGreaterThan(0);
      expect(await world.build(`RUN ${mount(id)} ${look}`)).toBe(before);
      expect(world.warnings).toEqual([]);
    });

    test("A mount that is still there is left as it is", async () => {
      const id = unique("kept");
      await world.build(`RUN ${mount(id)} echo first > /m/file`);
      // Not through the caches: what is stored is older than what is there.
      await world.build(`RUN ${mount(id)} echo second > /m/file && exit 0`, {
        repoKey: "repo-a",
        id: "newer",
      });
      expect(await world.build(`RUN ${mount(id)} cat /m/file # again`)).toBe("second\n");
    });

    test("A mount of a user of its own is kept with its owner", async () => {
      const id = unique("owned");
      const own = mount(id, ",uid=1000,gid=1000,mode=0700");
      const before = await world.build(`RUN ${own} echo mine > /m/file && stat -c '%a %u %g' /m`);
      await world.forget(id);
      expect(await world.build(`RUN ${own} cat /m/file && stat -c '%a %u %g' /m`)).toBe(`mine\n${before}`);
    });

    test("No repository sees another one's mounts, and no pull request of a fork the base's, but for what it has stored", async () => {
      const id = unique("apart");
      const put = (what: string) => `RUN ${mount(id)} echo ${what} > /m/${what}`;
      const list = `RUN ${mount(id)} ls /m #`;
      await world.build(put("base"));
      expect(await world.build(`${list} other`, { repoKey: "repo-b" })).toBe("");
      const fork = { pr: 7, fork: true };
      expect(await world.build(`${list} fork`, fork)).toBe("base\n");
      await world.build(put("poison"), fork);
      // Neither in the engine, nor from what is stored once that has forgotten it.
      expect(await world.build(`${list} base`)).toBe("base\n");
      expect(await world.build(`${list} other fork`, { pr: 8, fork: true })).toBe("base\n");
      await world.forget(id);
      expect(await world.build(`${list} base again`)).toBe("base\n");
      expect(await world.build(`${list} fork again`, fork)).toBe("base\npoison\n");
    });

    test("A build that asks for a mount beyond its namespace is refused before a step has run", async () => {
      const id = unique("foreign");
      const frontendAttrs = { "build-arg:BUILDKIT_CACHE_MOUNT_NS": "repo-b" };
      const stolen = world.build(`RUN ${mount(id)} ls /m`, { repoKey: "repo-a", solve: { frontendAttrs } });
      await expect(stolen).rejects.toMatchObject({ code: "forbidden" });
    });
  },
  // Those that differ: ids of mounts are not listed by 20.10, and described while pruning from 28 on.
  ({ name }) => name !== "28",
);
