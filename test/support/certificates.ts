/**
 * Certificates for the tests' TLS listeners, made with openssl and keytool in a folder of the caller's: an authority, a
 * server for 127.0.0.1 and localhost, a client, and another authority that nobody trusts.
 */
import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

export interface Certificates {
  readonly ca: string
  readonly strangerCa: string
  readonly client: { readonly cert: string; readonly key: string }
  /** PKCS12, as Kafka wants them. */
  readonly keystore: string
  readonly truststore: string
  readonly password: string
}

const password = "store-password"

export const makeCertificates = async (folder: string): Promise<Certificates> => {
  const at = (name: string): string => join(folder, name)
  const openssl = (...args: ReadonlyArray<string>) => run("openssl", args)
  const authority = (name: string) =>
    openssl(
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`],
      ...["-keyout", at(`${name}.key`), "-out", at(`${name}.pem`)]
    )
  const signed = async (name: string, extension: string) => {
    await writeFile(at(`${name}.ext`), extension)
    await openssl(
      ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`],
      ...["-keyout", at(`${name}.key`), "-out", at(`${name}.csr`)]
    )
    await openssl(
      ...["x509", "-req", "-in", at(`${name}.csr`), "-days", "2", "-extfile", at(`${name}.ext`)],
      ...["-CA", at("authority.pem"), "-CAkey", at("authority.key"), "-CAcreateserial", "-out", at(`${name}.pem`)]
    )
  }
  await Promise.all([authority("authority"), authority("stranger")])
  await signed("server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
  await signed("client", "extendedKeyUsage=clientAuth")
  await openssl(
    ...["pkcs12", "-export", "-in", at("server.pem"), "-inkey", at("server.key"), "-certfile", at("authority.pem")],
    ...["-out", at("server.p12"), "-passout", `pass:${password}`]
  )
  await run("keytool", [
    ...["-importcert", "-noprompt", "-alias", "authority", "-file", at("authority.pem")],
    ...["-keystore", at("trust.p12"), "-storetype", "PKCS12", "-storepass", password]
  ])
  const text = (name: string) => readFile(at(name), "utf8")
  return {
    ca: await text("authority.pem"),
    strangerCa: await text("stranger.pem"),
    client: { cert: await text("client.pem"), key: await text("client.key") },
    keystore: at("server.p12"),
    truststore: at("trust.p12"),
    password
  }
}
