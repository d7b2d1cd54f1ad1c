import { expect, test } from "vitest";
import { lines, problemsOf, read, warningsOf } from "./reading.testing.js";

test("every problem of a compose file is told at once, with what was found and what is accepted", async () => {
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "servces: {}",
        "services:",
        "  Web.1: { image: a }",
        "  none: {}",
        "  web:",
        "    image: a",
        "    comand: x",
        "    ports: [99999, '80:http', { published: 80 }, '1-200:80']",
        "    expose: [0]",
        "    volumes: [data:/data, 'a:b:c:d', { type: disk, target: /x }, { type: volume, target: x }, ':/x', '/']",
        "    healthcheck: { test: [curl], interval: soon, retries: many, every: 1s }",
        "    depends_on: { db: { condition: healthy } }",
        "    restart: sometimes",
        "    environment: [1A=b]",
        "    command: echo 'open",
        "    mem_limit: lots",
        "    configs: [cfg]",
        "    secrets: [{ source: key, mode: 999 }]",
        "    build: { context: ., dockerfile: D, dockerfile_inline: FROM a }",
        "volumes: { date: { size: 3 } }",
        "configs: { cfgs: { content: x } }",
        "secrets: { key: {} }",
      ),
      D: "FROM a",
    }),
  ).toEqual([
    "compose.yaml:1:1: found the key servces, which is not known; did you mean services?",
    "compose.yaml:3:3: services: found Web.1; accepted: a name that matches ^[a-z0-9][a-z0-9_-]{0,39}$",
    "compose.yaml:4:9: services.none: has neither build nor image; accepted: one of them",
    "compose.yaml:7:5: services.web: found the key comand, which is not known; did you mean command?",
    "compose.yaml:8:13: services.web.ports: found 99999; accepted: a port such as 3000, 8080:3000 or 127.0.0.1:8080:3000/tcp",
    'compose.yaml:8:20: services.web.ports: found "80:http"; accepted: a port such as 3000, 8080:3000 or 127.0.0.1:8080:3000/tcp',
    "compose.yaml:8:31: services.web.ports.target: is missing; accepted: a port from 1 to 65535",
    'compose.yaml:8:50: services.web.ports: found "1-200:80"; accepted: a port such as 3000, 8080:3000 or 127.0.0.1:8080:3000/tcp',
    "compose.yaml:9:14: services.web.expose: found 0; accepted: a port from 1 to 65535",
    "compose.yaml:10:15: services.web.volumes: found data, which is not in the file's volumes; did you mean date?",
    'compose.yaml:10:27: services.web.volumes: found "a:b:c:d"; accepted: a volume such as data:/var/lib/data',
    'compose.yaml:10:46: services.web.volumes.type: found "disk"; accepted: volume, bind or tmpfs',
    'compose.yaml:10:90: services.web.volumes.target: found "x"; accepted: an absolute path',
    'compose.yaml:10:95: services.web.volumes: found ":/x"; accepted: a volume such as data:/var/lib/data',
    'compose.yaml:10:102: services.web.volumes: found "/"; accepted: a volume such as data:/var/lib/data',
    'compose.yaml:11:26: services.web.healthcheck.test: found a list that begins with "curl"; accepted: a line, or a list that begins with CMD, CMD-SHELL or NONE',
    'compose.yaml:11:44: services.web.healthcheck.interval: found "soon"; accepted: a duration such as 30s or 1m30s',
    'compose.yaml:11:59: services.web.healthcheck.retries: found "many"; accepted: a whole number',
    "compose.yaml:11:65: services.web.healthcheck: found the key every, which is not known; accepted: test, interval, timeout, retries, start_period, disable, start_interval",
    'compose.yaml:12:36: services.web.depends_on.db.condition: found "healthy"; accepted: service_started, service_healthy, service_completed_successfully',
    'compose.yaml:13:14: services.web.restart: found "sometimes"; accepted: no, always, on-failure, unless-stopped',
    'compose.yaml:14:19: services.web.environment: found "1A"; accepted: a name of letters, digits and _',
    "compose.yaml:15:14: services.web.command: found a quote that nothing closes; accepted: a line, or a list of words",
    'compose.yaml:16:16: services.web.mem_limit: found "lots"; accepted: bytes such as 512m',
    "compose.yaml:17:15: services.web.configs: found cfg, which is not in the file's configs; did you mean cfgs?",
    "compose.yaml:18:36: services.web.secrets.mode: found 999; accepted: a mode such as 0440",
    "compose.yaml:19:60: services.web.build: has dockerfile and dockerfile_inline; accepted: one of them",
    "compose.yaml:20:20: volumes.date: found the key size, which is not known; accepted: driver, driver_opts, external, labels, name",
    "compose.yaml:22:17: secrets.key: found none of file, environment, content and external; accepted: one of them",
  ]);
});

test("what previews leave out is a warning with file and line", async () => {
  const manifest = await read({
    "compose.yaml": lines(
      "services:",
      "  web:",
      "    image: a",
      "    container_name: my-web",
      "    network_mode: host",
      "    privileged: true",
      "    devices: ['/dev/kvm:/dev/kvm']",
      "    cap_add: [SYS_ADMIN, NET_ADMIN]",
      "    pid: host",
      "    ipc: host",
      "    ports: ['127.0.0.1:8080:80', '53:53/udp']",
      "    volumes: ['/var/run/docker.sock:/var/run/docker.sock', '~/.ssh:/root/.ssh:ro']",
      "    networks: { default: { aliases: [www], ipv4_address: 10.0.0.2 } }",
      "    extra_hosts: ['host.docker.internal:host-gateway']",
      "    security_opt: ['seccomp:unconfined']",
      "    sysctls: { net.core.somaxconn: 1024 }",
      "    links: ['db:database']",
      "    logging: { driver: syslog }",
      "    scale: 3",
      "  db: { image: postgres, privileged: false, volumes: ['rows:/rows'] }",
      "  off: { image: b, deploy: { replicas: 0 } }",
      "volumes: { rows: { external: true, name: other, driver: nfs } }",
      "networks: { default: { external: true } }",
    ),
  });
  expect(manifest.services.map(({ name }) => name)).toEqual(["web", "db"]);
  expect(warningsOf(manifest)).toEqual([
    "compose.yaml:4:5: services.web.container_name is left out: previews give their own names",
    "compose.yaml:5:5: services.web.network_mode is left out: previews have a network of their own",
    "compose.yaml:6:5: services.web.privileged is left out: a preview has few rights on its machine",
    "compose.yaml:7:5: services.web.devices is left out: a preview has few rights on its machine",
    "compose.yaml:8:5: services.web.cap_add is left out: a preview has few rights on its machine",
    "compose.yaml:9:5: services.web.pid is left out: a preview has few rights on its machine",
    "compose.yaml:10:5: services.web.ipc is left out: a preview has few rights on its machine",
    "compose.yaml:11:13: services.web.ports: the host's port 127.0.0.1:8080 is left out; the preview's URL leads to 80",
    "compose.yaml:11:34: services.web.ports: the host's port 53 is left out; the preview's URL leads to 53",
    "compose.yaml:11:34: services.web.ports: 53/udp is left out: previews are reached over HTTP",
    "compose.yaml:12:15: services.web.volumes: the bind mount of /var/run/docker.sock at /var/run/docker.sock is left out: previews see nothing of their machine",
    "compose.yaml:12:60: services.web.volumes: the bind mount of ~/.ssh at /root/.ssh is left out: previews see nothing of their machine",
    "compose.yaml:13:28: services.web.networks.default.aliases is left out: services share one network and are reached by their names",
    "compose.yaml:13:44: services.web.networks.default.ipv4_address is left out: services share one network and are reached by their names",
    "compose.yaml:14:5: services.web.extra_hosts is left out: previews have a network of their own",
    "compose.yaml:16:5: services.web.sysctls is left out: a preview has few rights on its machine",
    "compose.yaml:17:13: services.web.links: the name database is left out; db is reached by its own name",
    "compose.yaml:18:5: services.web.logging is left out: previews keep logs by themselves",
    "compose.yaml:19:12: services.web: runs once instead of 3 times",
    "compose.yaml:21:3: services.off is left out: it is to run zero times",
    "compose.yaml:22:20: volumes.rows.external is left out: the preview gets a volume of its own",
    "compose.yaml:22:49: volumes.rows.driver is left out: the preview gets a volume of its own",
    "compose.yaml:23:24: networks.default.external is left out: previews have a network of their own",
  ]);
});

test("what no preview reads is judged to its last key, too, as the Compose Specification's schema judges it", async () => {
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "version: 3.8",
        "services:",
        "  web:",
        "    image: a",
        "    user: 1000",
        "    ports:",
        "    logging: { driver: x, levle: 3 }",
        "    ulimits: { nofile: { soft: 1 } }",
        "    oom_score_adj: 5000",
        "    group_add: [a, a]",
        "    develop: { watch: [{ path: src, action: restat }] }",
        "    privileged: perhaps",
        "    depends_on: { db: {} }",
        "  db: { image: b, cgroup: mine, cpu_percent: 101, tmpfs: { a: b } }",
        "  'my app': { image: c, profiles: [off] }",
        "networks: { n: { ipam: { config: [{ subnet: [10] }] } } }",
      ),
    }),
  ).toEqual([
    'compose.yaml:1:10: version: found 3.8; accepted: a text, such as "3.8"',
    'compose.yaml:5:11: services.web.user: found 1000; accepted: a text, such as "1000"',
    "compose.yaml:6:11: services.web.ports: found nothing; accepted: a list",
    "compose.yaml:7:27: services.web.logging: found the key levle, which is not known; accepted: driver, options",
    "compose.yaml:8:24: services.web.ulimits.nofile.hard: is missing; accepted: a whole number or a text",
    "compose.yaml:9:20: services.web.oom_score_adj: found 5000; accepted: a text or a whole number from -1000 to 1000",
    'compose.yaml:10:20: services.web.group_add: found "a" a second time; accepted: each once',
    'compose.yaml:11:45: services.web.develop.watch.action: found "restat"; accepted: rebuild, sync, restart, sync+restart, sync+exec',
    'compose.yaml:12:17: services.web.privileged: found "perhaps"; accepted: true or false',
    "compose.yaml:13:23: services.web.depends_on.db.condition: is missing; accepted: service_started, service_healthy, service_completed_successfully",
    'compose.yaml:14:27: services.db.cgroup: found "mine"; accepted: host, private',
    "compose.yaml:14:46: services.db.cpu_percent: found 101; accepted: a text or a whole number from 0 to 100",
    "compose.yaml:14:58: services.db.tmpfs: found a map; accepted: a text or a list",
    "compose.yaml:15:3: services: found my app; accepted: a name that matches ^[a-z0-9][a-z0-9_-]{0,39}$",
    "compose.yaml:16:45: networks.n.ipam.config.subnet: found a list; accepted: a text",
  ]);
});

test("a compose file without a port says that there will be no URL", async () => {
  expect(warningsOf(await read({ "compose.yaml": "services: { job: { image: a } }\n" }))).toEqual([
    "compose.yaml:1:11: no service has ports or expose, so that the preview gets no URL",
  ]);
});

test("unknown dependencies and circles of a compose file are told as those of galley.yml", async () => {
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "services:",
        "  web: { image: a, depends_on: [redsi, { a: b }] }",
        "  redis: { image: redis }",
      ),
    }),
  ).toEqual(["compose.yaml:2:40: services.web.depends_on: found a map; accepted: the name of a service"]);
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "services:",
        "  web: { image: a, depends_on: [redsi] }",
        "  redis: { image: redis, depends_on: { web: { condition: service_started } } }",
        "  x: { image: a, depends_on: [y] }",
        "  y: { image: a, depends_on: [x] }",
      ),
    }),
  ).toEqual([
    "compose.yaml:2:33: services.web.depends_on: found redsi, which is no service of this file; did you mean redis?",
    "compose.yaml:4:31: services.x.depends_on: services wait for each other in a circle: x → y → x",
  ]);
});

test("an empty compose file, one without services and a list are refused", async () => {
  expect(await problemsOf({ "compose.yaml": "" })).toEqual([
    "compose.yaml: found nothing; accepted: a map with services",
  ]);
  expect(await problemsOf({ "compose.yaml": "volumes: {}\n" })).toEqual([
    "compose.yaml: services: found nothing; accepted: a map of services",
  ]);
  expect(await problemsOf({ "compose.yaml": "- a\n" })).toEqual([
    "compose.yaml:1:1: found no map; accepted: a map with services",
  ]);
});

test("a pull policy counts for images that are pulled, in all the words that Compose has for it", async () => {
  const policies = ["always", "missing", "if_not_present", "never", "daily", "weekly", "every_12h"];
  const services = (names: readonly string[], more = "") =>
    names.map((policy, n) => `  s${n}: { image: a, pull_policy: ${policy}${more} }`);
  const { services: read_ } = await read({ "compose.yaml": lines("services:", ...services(policies)) });
  expect(read_.map(({ pullPolicy }) => pullPolicy)).toEqual([
    "always",
    "missing",
    "missing",
    "never",
    "always",
    "always",
    "always",
  ]);
  expect(
    await problemsOf({ "compose.yaml": lines("services:", ...services(["sometimes", "build"])) }),
  ).toEqual([
    'compose.yaml:2:32: services.s0.pull_policy: found "sometimes"; accepted: always, missing, never, if_not_present, daily, weekly, every_<duration>, build',
    "compose.yaml:3:32: services.s1.pull_policy: found build, and the service has none; accepted: always, missing, never",
  ]);
  const built = await read({
    "compose.yaml": lines("services:", ...services(["build", "always"], ", build: .")),
    Dockerfile: "FROM a",
  });
  expect(built.services.map(({ pullPolicy }) => pullPolicy)).toEqual([undefined, undefined]);
  expect(warningsOf(built)).toContain(
    "compose.yaml:3:32: services.s1.pull_policy is left out: the image is built",
  );
});
