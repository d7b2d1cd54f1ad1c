import { EventEmitter } from "node:events";

/**
 * Tells those who follow a deployment that there is something new in the database. Only a hint to look: who follows reads the
 * database, and looks now and then by itself, as another server may have written. (A door for LISTEN and NOTIFY.)
 */
export interface Notices {
  changed(deployment: string): void;
  /** Resolves nothing, loses nothing: `wake` may be called more often than something changes. Returns the way to stop it. */
  follow(deployment: string, wake: () => void): () => void;
  /** How many follow. */
  followers(): number;
}

/** Within this process. */
export function createNotices(): Notices {
  const emitter = new EventEmitter().setMaxListeners(0);
  let followers = 0;
  return {
    changed: (deployment) => void emitter.emit(deployment),
    follow(deployment, wake) {
      emitter.on(deployment, wake);
      followers += 1;
      let following = true;
      return () => {
        if (!following) return;
        following = false;
        followers -= 1;
        emitter.off(deployment, wake);
      };
    },
    followers: () => followers,
  };
}
