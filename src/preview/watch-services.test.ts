import { expect, test } from "vitest";
import { SeenContainers } from "./watch-services.js";

const told = (...events: string[]) => {
  const seen = new SeenContainers();
  return events.flatMap((event) => {
    const [action = "", detail = ""] = event.split(":");
    return seen.take({ id: "a", action, detail }) ?? [];
  });
};

test("a container that ends by itself and is started again is told, one that was stopped is not", () => {
  expect(told("start", "die", "start", "die", "start")).toEqual(["ended", "restarted", "ended", "restarted"]);
  expect(told("start", "kill", "die", "start")).toEqual([]);
  expect(told("start", "kill", "die", "destroy")).toEqual([]);
  expect(told("start", "kill", "die", "start", "die")).toEqual(["ended"]);
});

test("a container that the kernel killed for its memory is told as that", () => {
  expect(told("start", "oom", "die", "start", "die")).toEqual(["out_of_memory", "restarted", "ended"]);
});

test("health is told when it is lost and when it comes back, and not at the start", () => {
  const [well, ill] = ["health_status:healthy", "health_status:unhealthy"];
  expect(told("start", well, ill, ill, well, well, ill)).toEqual(["unhealthy", "healthy", "unhealthy"]);
});
