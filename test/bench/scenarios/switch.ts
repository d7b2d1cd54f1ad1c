import { setStage } from "../preview-stage.js";
import { makeOne } from "../samples.js";
import type { Scenario } from "../scenario.js";

/** A new version takes the place of one that is asked fifty times a second. */
export const switchUnderLoad: Scenario = {
  name: "switch",
  summary: "requests lost while a deployment replaces a container that is asked fifty times a second",
  beside: "compose",
  images: [],
  setUp: async (bench) => {
    const stage = await setStage(bench, "switch", makeOne);
    return {
      contenders: [
        stage.galley("galley", { from: "running", builds: 1, load: true }),
        stage.compose("compose", { from: "running", load: true }),
      ],
      rows: [
        {
          title: "Requests lost in a switch, of fifty a second",
          subject: "galley",
          yardstick: "compose",
          figure: "lost",
          unit: "requests",
          target: { text: "none", met: (lost) => lost === 0 },
        },
        {
          title: "… requests sent meanwhile",
          subject: "galley",
          yardstick: "compose",
          figure: "sent",
          unit: "requests",
        },
        { title: "… until the URL answers with the change", subject: "galley", yardstick: "compose" },
      ],
      memoryRows: [],
      close: stage.close,
    };
  },
};
