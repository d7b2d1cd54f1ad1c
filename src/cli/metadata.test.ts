import { expect, test } from "vitest";
import { imageMetadata } from "./metadata.js";

test("the metadata of an image are the exporters' answers, with encoded JSON written out", () => {
  const descriptor = { digest: "sha256:aa", size: 1 };
  expect(
    imageMetadata({
      sharedKey: "galley-x",
      ref: "r1",
      sent: { files: 1, bytes: 2 },
      exporterResponse: {
        "image.name": "docker.io/library/a:latest",
        "containerimage.digest": "sha256:aa",
        "containerimage.descriptor": Buffer.from(JSON.stringify(descriptor)).toString("base64"),
        "looks.encoded": "eyJ not json",
      },
    }),
  ).toEqual({
    "containerimage.descriptor": descriptor,
    "containerimage.digest": "sha256:aa",
    "galley.build.ref": "r1",
    "image.name": "docker.io/library/a:latest",
    "looks.encoded": "eyJ not json",
  });
});
