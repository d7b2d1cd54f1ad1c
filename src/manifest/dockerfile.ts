/** The first TCP port that the last stage of a Dockerfile exposes; undefined for none, or for one in a variable. */
export function exposedPort(text: string): number | undefined {
  let port: number | undefined;
  for (const line of text.replace(/\\[ \t]*\r?\n/g, " ").split("\n")) {
    if (/^\s*FROM\s/i.test(line)) port = undefined;
    const words = /^\s*EXPOSE\s+(.+)$/i.exec(line)?.[1]?.trim().split(/\s+/) ?? [];
    for (const word of words) {
      const number = /^(\d{1,5})(?:\/tcp)?$/i.exec(word)?.[1];
      if (number !== undefined && Number(number) > 0 && Number(number) < 65536) port ??= Number(number);
    }
  }
  return port;
}
