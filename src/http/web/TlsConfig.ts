/**
 * TlsConfig: the TLS side of a web configuration with its certificates read, ready for node's TLS server. What does not fit together is found
 * here, by OpenSSL itself where it knows best, and not by the first client.
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { dirname, isAbsolute, join } from "node:path"
import { createSecureContext, type SecureContextOptions, type SecureVersion } from "node:tls"
import { readFailure } from "../../config/SettingsFile.ts"
import type { ClientAuth, Pem, TlsSettings } from "./WebSettings.ts"

export interface TlsConfig {
  readonly context: SecureContextOptions
  readonly clientAuth: ClientAuth
  readonly allowedSans: ReadonlyArray<string>
  /** When its own certificate ends, in ms since 1970. */
  readonly expires: number
}

const versions = { TLS10: "TLSv1", TLS11: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3" } as const
const alwaysOn = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
const maxBytes = 1024 * 1024
/** Seconds in which a session may be resumed, without its client's certificate being looked at anew. */
const sessionTimeout = 300

/** What files hold, each read once: for their fingerprint, and for the list of what to watch. */
export class Files {
  readonly paths: Array<string> = []
  private readonly hash = createHash("sha256")

  /** Throws what node throws. */
  read(path: string): string {
    this.paths.push(path)
    if (statSync(path).size > maxBytes) throw Object.assign(new Error(), { code: "it is larger than 1 MiB" })
    const text = readFileSync(path, "utf8")
    this.hash.update(path).update("\0").update(text).update("\0")
    return text
  }

  /** Of all that was read. */
  fingerprint(): string {
    return this.hash.copy().digest("hex")
  }
}

/** A relative path is meant from the folder of the web configuration. */
const absolute = (file: string, path: string): string => (isAbsolute(path) ? path : join(dirname(file), path))

/** `fail`: told what is wrong, with the line. */
export const readTlsConfig = (
  file: string,
  settings: TlsSettings,
  files: Files,
  fail: (line: number, sentence: string) => void
): TlsConfig | undefined => {
  const pem = (name: string, given: Pem): string | undefined => {
    if ("text" in given) return given.text
    const path = absolute(file, given.file)
    try {
      return files.read(path)
    } catch (error) {
      fail(given.line, `${name} is ${JSON.stringify(path)}: the file cannot be read (${readFailure(error)})`)
      return undefined
    }
  }
  const { clientCa } = settings
  const [cert, key] = [pem("the certificate", settings.cert), pem("the key", settings.key)]
  const ca = clientCa && pem("the client CA", clientCa)
  if (cert === undefined || key === undefined || (clientCa !== undefined && ca === undefined)) return undefined
  const own = certificateOf(cert)
  if (own === undefined) fail(settings.cert.line, "the certificate is no PEM certificate")
  if (ca !== undefined && certificateOf(ca) === undefined) fail(clientCa!.line, "the client CA is no PEM certificate")
  const privateKey = keyOf(key)
  if (typeof privateKey === "string") fail(settings.key.line, privateKey)
  if (own === undefined || typeof privateKey === "string") return undefined
  if (!own.checkPrivateKey(privateKey)) {
    fail(settings.key.line, "the key is not that of the certificate (of several certificates, the first one's)")
    return undefined
  }
  const { ciphers, curves } = settings
  const context: SecureContextOptions = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: versions[settings.minVersion] as SecureVersion,
    maxVersion: versions[settings.maxVersion] as SecureVersion,
    honorCipherOrder: settings.isServersOrder,
    sessionTimeout,
    ...(ciphers.length === 0 ? {} : { ciphers: [...alwaysOn, ...ciphers].join(":") }),
    ...(curves.length === 0 ? {} : { ecdhCurve: curves.join(":") })
  }
  try {
    createSecureContext(context)
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    fail(
      settings.cert.line,
      `OpenSSL does not take these TLS settings (${typeof code === "string" ? code : "no reason"})`
    )
    return undefined
  }
  const { clientAuth, allowedSans } = settings
  return { context, clientAuth, allowedSans, expires: new Date(own.validTo).getTime() }
}

const certificateOf = (pem: string): X509Certificate | undefined => {
  try {
    return new X509Certificate(pem)
  } catch {
    // OpenSSL's words would not help anyone here.
    return undefined
  }
}

const keyOf = (pem: string) => {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem))
    return "the key is encrypted, which is not supported: give it without a passphrase"
  try {
    return createPrivateKey(pem)
  } catch {
    return "the key is no PEM private key"
  }
}
