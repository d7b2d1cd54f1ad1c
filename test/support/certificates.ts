// A certificate authority for tests, and a server's certificate of it.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Certificates {
  /** Of the authority. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes both in the folder. `names`: as openssl has them, for example `IP:127.0.0.1,DNS:localhost`. */
export async function makeCertificates(folder: string, names = "IP:127.0.0.1"): Promise<Certificates> {
  const openssl = (...args: string[]) => promisify(execFile)("openssl", args, { cwd: folder });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const short = ["-days", "2"];
  await openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", ...short, "-subj", "/CN=ca");
  await openssl("req", ...key, "-keyout", "bus.key", "-out", "bus.csr", "-subj", "/CN=bus");
  await writeFile(join(folder, "bus.ext"), `subjectAltName=${names}`);
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", ...short];
  await openssl("x509", "-req", "-in", "bus.csr", ...signed, "-out", "bus.pem", "-extfile", "bus.ext");
  return {
    caFile: join(folder, "ca.pem"),
    certFile: join(folder, "bus.pem"),
    keyFile: join(folder, "bus.key"),
  };
}
