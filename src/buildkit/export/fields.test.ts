import { expect, test } from "vitest";
import { BuildKitError } from "../errors.js";
import { parseBool, splitFields, splitPair } from "./fields.js";

test.each([
  ["a,b", ["a", "b"]],
  ["a", ["a"]],
  ["a,", ["a", ""]],
  [",", ["", ""]],
  ['"a,b",c', ["a,b", "c"]],
  ['type=local,"dest=a ""b"", c"', ["type=local", 'dest=a "b", c']],
  ['"",x', ["", "x"]],
  ['"a"', ["a"]],
  ["type=local,dest=ü, x ", ["type=local", "dest=ü", " x "]],
  ["a\n", ["a"]],
  ["a\r\n", ["a"]],
])("%j splits as Go's CSV reader would", (value, fields) => {
  expect(splitFields(value, "-o")).toEqual(fields);
});

test.each(["", "\n", 'a"b', 'x=1,a"', '"a', '"a"b', '"a" ,b', '"""'])(
  "%j is refused with the option's name",
  (value) => {
    expect(() => splitFields(value, "--output")).toThrow(BuildKitError);
    expect(() => splitFields(value, "--output")).toThrow("--output");
  },
);

test("A pair is split at the first equals sign, with its key in lower case.", () => {
  expect(splitPair("Dest=a=b")).toEqual({ key: "dest", value: "a=b" });
  expect(splitPair(" TYPE = x")).toEqual({ key: "type", value: " x" });
  expect(splitPair("=x")).toEqual({ key: "", value: "x" });
  expect(splitPair("x")).toBeUndefined();
});

test("Booleans are those of Go.", () => {
  expect(["1", "t", "T", "true", "TRUE", "True"].map(parseBool)).toEqual(Array(6).fill(true));
  expect(["0", "f", "F", "false", "FALSE", "False"].map(parseBool)).toEqual(Array(6).fill(false));
  expect(["", "yes", "no", "2", "tRUE"].map(parseBool)).toEqual(Array(5).fill(undefined));
});
