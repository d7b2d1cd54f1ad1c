/** A number that takes long to find, found again only when something has changed: who rests looks at nothing. */
export interface KeptBytes {
  /** The last one that was found; undefined before the first. */
  readonly bytes: number | undefined;
  /** Something has changed. */
  look(): void;
}

/** Begins with a look. `find` is called by one at a time; a failure leaves what was known. */
export function watchKeptBytes(find: () => Promise<number>): KeptBytes {
  let bytes: number | undefined;
  let looking = false;
  let again = false;
  const look = async () => {
    again = true;
    if (looking) return;
    looking = true;
    while (again) {
      again = false;
      bytes = await find().catch(() => bytes);
    }
    looking = false;
  };
  void look();
  return {
    get bytes() {
      return bytes;
    },
    look: () => void look(),
  };
}
