import { expect, test } from "vitest";
import { TestClock, TestOutput } from "../../../test/progress/recorded.js";
import { chooseProgress, createRenderer } from "../../buildkit/index.js";
import { DeploymentServices } from "./deployment-services.js";

const plan = {
  type: "deployment.plan",
  services: [{ name: "web", kind: "web", action: "reuse", image: "shop:1", url: null }],
};

test("two deployments in one picture keep their services apart, and one of which nothing is built ends in it", async () => {
  const output = new TestOutput();
  const clock = new TestClock(0);
  const settings = { ...chooseProgress({ mode: "plain", env: {}, output }), mode: "tty" as const };
  const renderer = createRenderer({ ...settings, output, clock });
  const [one, two] = ["pr-1", "pr-2"].map(
    (name) =>
      new DeploymentServices({
        renderer: () => renderer,
        nameOf: (service) => (service === undefined ? name : `${name}/${service}`),
        picture: true,
      }),
  );
  for (const services of [one, two]) services?.show(plan);
  one?.show({ service: "web", type: "service.state", state: "healthy", detail: null });
  two?.announce("connection lost");
  clock.advance(200);
  await renderer.close();
  const last = output.text.slice(output.text.lastIndexOf("\u001b[?2026h"));
  expect(last).toMatch(/✓ pr-1\/web +reused +healthy/);
  expect(last).toMatch(/pr-2\/web +waiting +connection lost/);
});

test("a hook is shown with what it runs, what it prints and how it ended", async () => {
  const output = new TestOutput();
  const settings = chooseProgress({ mode: "plain", env: {}, output });
  const renderer = createRenderer({ ...settings, output, clock: new TestClock(0) });
  const services = new DeploymentServices({ renderer: () => renderer, picture: false });
  services.show(plan);
  const hook = { service: "web", hook: "onDeploy", command: "npm run migrate" };
  services.show({ ...hook, type: "hook.state", state: "running", exitCode: null, duration: null });
  services.show({
    ...hook,
    type: "hook.log",
    lines: [{ stream: "stdout", text: "2 tables", at: "" }, "odd"],
  });
  services.show({ ...hook, type: "hook.state", state: "failed", exitCode: 3, duration: 5 });
  await renderer.close();
  expect(output.text).toMatch(
    /onDeploy: npm run migrate\n.*2 tables\n.*onDeploy: npm run migrate failed with exit code 3/s,
  );
});
