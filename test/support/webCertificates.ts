/**
 * Certificates for the tests' own HTTPS server and its clients, made with openssl in a folder of the caller's: `authority` signs `server` and
 * `renewed` (for 127.0.0.1 and localhost), `client` (with a name of each kind), `other` and `ended`; `stranger` signs `unknown`.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const openssl = (...args: ReadonlyArray<string>) => promisify(execFile)("openssl", args)

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

export interface WebCertificates {
  readonly dir: string
  readonly at: (name: string) => string
  readonly text: (name: string) => string
  /** A file beside the certificates, whose names may be relative there. */
  readonly write: (name: string, content: string) => string
  readonly remove: () => void
}

export const makeWebCertificates = async (): Promise<WebCertificates> => {
  const dir = mkdtempSync(join(tmpdir(), "k2p-web-"))
  const at = (name: string): string => join(dir, name)
  const text = (name: string): string => readFileSync(at(name), "utf8")
  const write = (name: string, content: string): string => {
    writeFileSync(at(name), content)
    return at(name)
  }
  const authority = (name: string) =>
    openssl(
      ...["req", "-x509", ...newKey, "-days", "2", "-subj", `/CN=${name}`],
      ...["-keyout", at(`${name}.key`), "-out", at(`${name}.pem`)]
    )
  const signed = async (name: string, extension: string, by = "authority", days = 2) => {
    write(`${name}.ext`, extension)
    await openssl(
      ...["req", ...newKey, "-subj", `/CN=${name}`],
      ...["-keyout", at(`${name}.key`), "-out", at(`${name}.csr`)]
    )
    await openssl(
      ...["x509", "-req", "-in", at(`${name}.csr`), "-days", String(days), "-extfile", at(`${name}.ext`)],
      ...[
        "-CA",
        at(`${by}.pem`),
        "-CAkey",
        at(`${by}.key`),
        "-set_serial",
        String(Date.now()),
        "-out",
        at(`${name}.pem`)
      ]
    )
  }
  const forServers = "subjectAltName=DNS:localhost,IP:127.0.0.1"
  const forClients = "extendedKeyUsage=clientAuth\nsubjectAltName="
  await Promise.all([authority("authority"), authority("stranger")])
  await Promise.all([
    signed("server", forServers),
    signed("renewed", forServers),
    signed("client", `${forClients}DNS:prometheus.test,IP:2001:db8::1,email:ops@a.test,URI:spiffe://a/prometheus`),
    signed("other", `${forClients}DNS:other.test`),
    signed("ended", `${forClients}DNS:prometheus.test`, "authority", -1),
    signed("unknown", `${forClients}DNS:prometheus.test`, "stranger")
  ])
  // Files as young as these are looked at more often than others.
  for (const name of readdirSync(dir)) utimesSync(at(name), 1, 1)
  return { dir, at, text, write, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
