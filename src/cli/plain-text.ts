import { safeLine } from "../buildkit/index.js";

/** Text from elsewhere for a place that has several lines: nothing in it acts on the terminal. */
export const plainText = (text: string): string =>
  text
    .split("\n")
    .map((line) => safeLine(line, false))
    .join("\n");
