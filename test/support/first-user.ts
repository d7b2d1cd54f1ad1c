// The first user of a server under test, and a token of theirs.
export const user = { email: "ada@example.org", password: "correct horse battery" };

/** Makes the user and resolves with a token that may do everything. */
export async function firstToken(url: string): Promise<string> {
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const setUp = await post("/setup", user);
  if (!setUp.ok) throw new Error(`no first user: ${await setUp.text()}`);
  const cookie = setUp.headers.get("set-cookie")?.split(";")[0] ?? "";
  const made = await post("/tokens", { name: "tests", scopes: ["admin"] }, { cookie, "x-galley-csrf": "1" });
  if (!made.ok) throw new Error(`no token: ${await made.text()}`);
  return ((await made.json()) as { token: string }).token;
}
