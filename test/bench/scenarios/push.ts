import { setStage } from "../preview-stage.js";
import { fiveImages, makeFive, makeShop, shopImages } from "../samples.js";
import { type Scenario, target } from "../scenario.js";

/** From a commit in the remote repository to an answer with what it changed. */
export const pushToUrl: Scenario = {
  name: "push-to-url",
  summary: "a push to the sample, until its URL answers with the change; a preview that runs, and a new one",
  beside: "compose",
  images: shopImages,
  setUp: async (bench) => {
    const stage = await setStage(bench, "shop", makeShop);
    return {
      contenders: [
        stage.galley("galley", { from: "running", builds: 1 }),
        stage.compose("compose", { from: "running" }),
        stage.galley("galley-new", { from: "new", builds: 1 }),
        stage.compose("compose-new", { from: "new" }),
      ],
      rows: [
        {
          title: "Push to the sample's running preview, until its URL answers with the change",
          subject: "galley",
          yardstick: "compose",
        },
        {
          title: "… of a pull request without a preview yet: network, database and all",
          subject: "galley-new",
          yardstick: "compose-new",
        },
      ],
      memoryRows: [],
      close: stage.close,
    };
  },
};

/** One of five images has to be built, and one of five containers replaced. */
export const oneOfFive: Scenario = {
  name: "one-of-five",
  summary: "a push that changes one of five services, until its URL answers with the change",
  beside: "compose",
  images: fiveImages,
  setUp: async (bench) => {
    const stage = await setStage(bench, "five", makeFive);
    return {
      contenders: [
        stage.galley("galley", { from: "running", builds: 1 }),
        stage.compose("compose", { from: "running" }),
      ],
      rows: [
        {
          title: "Push that changes one of five services, until its URL answers with the change",
          subject: "galley",
          yardstick: "compose",
        },
      ],
      memoryRows: [],
      close: stage.close,
    };
  },
};

/** There is nothing to build and nothing to start. */
export const redeploy: Scenario = {
  name: "redeploy",
  summary: "the same commit of the sample once more: no solve",
  beside: "compose",
  images: shopImages,
  setUp: async (bench) => {
    const stage = await setStage(bench, "again", makeShop);
    return {
      contenders: [
        stage.galley("galley", { from: "same", builds: 0 }),
        stage.compose("compose", { from: "same" }),
      ],
      rows: [
        {
          title: "The sample once more, unchanged, until that is done",
          subject: "galley",
          yardstick: "compose",
        },
        {
          title: "… the plan of it: manifest, inputs, keys, images found",
          subject: "galley",
          figure: "planMs",
          unit: "ms",
          target: target.within(100),
        },
        {
          title: "… from the claim to the images: fetch and plan, no solve",
          subject: "galley",
          figure: "imagesMs",
          unit: "ms",
        },
      ],
      memoryRows: [],
      close: stage.close,
    };
  },
};
