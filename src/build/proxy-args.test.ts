import { expect, test } from "vitest";
import { proxyArgs, withProxies } from "./proxy-args.js";

const proxies = {
  default: { httpProxy: "http://default:1", noProxy: "localhost" },
  "unix:///a.sock": { httpProxy: "http://a:1", httpsProxy: "", allProxy: "socks5://a:2" },
  "tcp://b:2376": {},
};

test("the proxies of an engine are those of its address, in both spellings, and empty ones are none", () => {
  expect(proxyArgs(proxies, ["unix:///a.sock"])).toEqual({
    HTTP_PROXY: "http://a:1",
    http_proxy: "http://a:1",
    ALL_PROXY: "socks5://a:2",
    all_proxy: "socks5://a:2",
  });
  expect(proxyArgs(proxies, [undefined, "tcp://c:1", "unix:///a.sock"])).toHaveProperty("ALL_PROXY");
});

test("an engine without an entry has the default ones, one with an empty entry has none", () => {
  expect(proxyArgs(proxies, ["tcp://c:1"])).toEqual({
    HTTP_PROXY: "http://default:1",
    http_proxy: "http://default:1",
    NO_PROXY: "localhost",
    no_proxy: "localhost",
  });
  expect(proxyArgs(proxies, ["tcp://b:2376"])).toEqual({});
  expect(proxyArgs(undefined, ["constructor"])).toEqual({});
});

test("an argument that was given wins over both spellings, also when it is empty", () => {
  const args = withProxies({ http_proxy: "", A: "1" }, { HTTP_PROXY: "x", http_proxy: "x", NO_PROXY: "y" });
  expect(args).toEqual({ http_proxy: "", A: "1", NO_PROXY: "y" });
});
