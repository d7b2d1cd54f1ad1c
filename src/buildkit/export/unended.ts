import { Writable } from "node:stream";

/**
 * A stream that writes into another and leaves it open at its own end: standard output belongs to the process, not to the
 * export that is sent there.
 */
export function unended(target: NodeJS.WritableStream): Writable {
  const stream = new Writable({
    highWaterMark: 1024 * 1024,
    write(chunk, _encoding, done) {
      target.write(chunk, (error) => done(error));
    },
    destroy(error, done) {
      target.off("error", fail);
      done(error);
    },
  });
  const fail = (error: Error) => void stream.destroy(error);
  target.on("error", fail);
  return stream;
}
