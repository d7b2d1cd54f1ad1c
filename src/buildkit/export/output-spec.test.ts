import { expect, test } from "vitest";
import { BuildKitError } from "../errors.js";
import { isPushOutput, isTarOutput, parseOutput } from "./output-spec.js";

test.each([
  ["out", { type: "local", dest: "out", attrs: {} }],
  ["./out dir", { type: "local", dest: "./out dir", attrs: {} }],
  ["a=b", { type: "local", dest: "a=b", attrs: {} }],
  ["-", { type: "tar", dest: "-", attrs: {} }],
  ["type=local,dest=out", { type: "local", dest: "out", attrs: {} }],
  ['type=local,"dest=a,b"', { type: "local", dest: "a,b", attrs: {} }],
  ["TYPE=tar,Dest=x.tar", { type: "tar", dest: "x.tar", attrs: {} }],
  ["type=tar", { type: "tar", attrs: {} }],
  ["type=docker", { type: "docker", attrs: {} }],
  ["type=docker,dest=-", { type: "docker", dest: "-", attrs: {} }],
  ["type=oci,dest=d,tar=false", { type: "oci", dest: "d", attrs: { tar: "false" } }],
  ["type=image,name=a/b:c,push=true", { type: "image", attrs: { name: "a/b:c", push: "true" } }],
  ['type=image,"name=a:1,b:2"', { type: "image", attrs: { name: "a:1,b:2" } }],
  ["type=registry,name=r/x", { type: "registry", attrs: { name: "r/x" } }],
  ["type=cacheonly", { type: "cacheonly", attrs: {} }],
  [
    "type=image,compression=zstd,Annotation.A=b=c",
    { type: "image", attrs: { compression: "zstd", "annotation.a": "b=c" } },
  ],
])("%j is read as buildx reads it", (value, spec) => {
  expect(parseOutput(value)).toEqual(spec);
});

test.each([
  ["", "empty"],
  ["type=", "does not say its type"],
  ["dest=out,mode=x", "does not say its type"],
  ["type=locl,dest=out", "locl"],
  ["type=local", "needs dest="],
  ["type=local,dest=-", "standard output"],
  ["type=oci,tar=false", "needs dest="],
  ["type=docker,tar=false,dest=-", "standard output"],
  ["type=local,dest=out,oops", "oops"],
  ["type=image,push=yes", "push=yes"],
  ["type=oci,tar=maybe,dest=x", "tar=maybe"],
  ["type=image,dest=x", "no destination"],
  ["type=registry,push=false", "contradiction"],
  ["type=local,dest=out,mode=delete", "mode=delete"],
])("%j is refused, saying %j and what is accepted", (value, part) => {
  let error: unknown;
  try {
    parseOutput(value);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(BuildKitError);
  expect(error).toMatchObject({ code: "option_invalid", message: expect.stringContaining(part) });
  expect((error as BuildKitError).hint).toBeTruthy();
});

test("The key __proto__ is an attribute like any other and changes no prototype.", () => {
  const spec = parseOutput("type=image,__proto__=x");
  expect(Object.getPrototypeOf(spec.attrs)).toBe(Object.prototype);
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

test("Archives are tars unless they are asked not to be, and only images are pushed.", () => {
  expect(
    ["type=tar", "type=oci,dest=x", "type=docker,dest=x,tar=true"].map(parseOutput).map(isTarOutput),
  ).toEqual([true, true, true]);
  expect(["out", "type=oci,dest=x,tar=0", "type=image"].map(parseOutput).map(isTarOutput)).toEqual([
    false,
    false,
    false,
  ]);
  expect(
    ["type=registry", "type=image,push=1", "type=moby,push=t"].map(parseOutput).map(isPushOutput),
  ).toEqual([true, true, true]);
  expect(["type=image", "type=image,push=false", "out"].map(parseOutput).map(isPushOutput)).toEqual([
    false,
    false,
    false,
  ]);
});
