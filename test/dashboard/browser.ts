// Debian's Chromium for tests of the dashboard, and pages of it that keep account of what they must not do.

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { script } from "../lab/scripts.js";
import { user } from "../support/first-user.js";

/**
 * Starts the browser; the first time on a machine its packages are fetched.
 *
 * @param toHere names that it takes for this machine's, such as `*.test`
 */
export async function startBrowser(toHere?: string): Promise<Browser> {
  const executablePath = (await script("browser.sh", [])).trim();
  const names = toHere === undefined ? [] : [`--host-resolver-rules=MAP ${toHere} 127.0.0.1`];
  // Tests run as root, for whom Chromium has no sandbox.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", ...names] });
}

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Faults of scripts, refusals by the content policy, requests to other hosts, dialogs that nobody asked for. */
  readonly faults: string[];
  close(): Promise<void>;
}

export interface PageOptions {
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  /** Of somebody who is signed in already: what `session` has resolved with. */
  readonly session?: string | undefined;
}

/** A page in a browser of its own: no cookie or storage of another one. */
export async function openPage(browser: Browser, options: PageOptions): Promise<Watched> {
  const { url, width = 1280, height = 900, dark = false } = options;
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    locale: "en-GB",
  });
  context.setDefaultTimeout(60_000);
  if (options.session !== undefined)
    await context.addCookies([{ name: "galley_session", value: options.session, url }]);
  const faults: string[] = [];
  await context.exposeFunction("galleyFault", (fault: string) => void faults.push(fault));
  await context.addInitScript(`addEventListener("securitypolicyviolation", (event) =>
    galleyFault(event.violatedDirective + " " + event.blockedURI + " " + event.sample));`);
  const page = await context.newPage();
  page.on("pageerror", (error) => void faults.push(`${error.message}\n${error.stack ?? ""}`));
  page.on("console", (message) => {
    // The second is of a name without TLS, which in the compose project's test stands for one that has it.
    const expected = /Failed to load resource|Cross-Origin-Opener-Policy header has been ignored/;
    if (message.type() === "error" && !expected.test(message.text())) faults.push(message.text());
  });
  page.on("dialog", (dialog) => {
    faults.push(`a dialog says ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(`${url}/`) && !asked.startsWith("blob:")) faults.push(`a request to ${asked}`);
  });
  return { page, context, faults, close: () => context.close() };
}

/** Signs the first user of the tests' servers in, beside the browser. */
export async function session(url: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(user),
  });
  const [, value] = /galley_session=([^;]+)/.exec(answer.headers.get("set-cookie") ?? "") ?? [];
  if (value === undefined) throw new Error(`no session: ${await answer.text()}`);
  return value;
}

/** The same through the page. */
export async function signIn(page: Page, path = "/"): Promise<void> {
  await page.goto(path);
  await page.getByLabel("E-mail address").fill(user.email);
  await page.getByLabel("Password").fill(user.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}
