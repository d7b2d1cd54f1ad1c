// What takes long to make and is shared by the tests of a block, until one of them fails: what that one has left behind is to meet neither
// the next test nor its own second try.
import { afterAll, afterEach } from "vitest";

/**
 * To be called in a block, once; what it returns gives the thing, and makes it where there is none. Asked for in `beforeEach`, a making
 * that fails is tried again with its test, which one in `beforeAll` is not.
 */
export function standing<Thing>(
  make: () => Promise<Thing>,
  remove: (thing: Thing) => Promise<unknown>,
): () => Promise<Thing> {
  let made: { readonly thing: Thing } | undefined;
  const drop = async () => {
    const gone = made;
    made = undefined;
    if (gone) await remove(gone.thing);
  };
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") await drop();
  });
  afterAll(drop);
  return async () => {
    made ??= { thing: await make() };
    return made.thing;
  };
}
