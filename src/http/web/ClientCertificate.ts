/**
 * ClientCertificate: what `client_auth_type` and `client_allowed_sans` ask of a client's certificate, as Go's TLS does. Judged when the handshake
 * is done, before anything of a request is read. Pure.
 */
import type { X509Certificate } from "node:crypto"
import { isIPv6 } from "node:net"
import type { TLSSocket } from "node:tls"
import type { TlsConfig } from "./TlsConfig.ts"

const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has ended",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not signed by the client CA",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is not signed by the client CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not signed by the client CA",
  INVALID_PURPOSE: "its certificate is not for clients"
}

/** As Go writes an address: OpenSSL's IPv6 ones are not shortened. */
const addressOf = (text: string): string => (isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text)

/** Its alternative names: DNS, IP, e-mail, URI. */
export const sansOf = ({ subjectAltName }: Pick<X509Certificate, "subjectAltName">): ReadonlyArray<string> => {
  const all = (subjectAltName ?? "").matchAll(/(?:^|, )(DNS|IP Address|email|URI):("(?:[^"\\]|\\.)*"|[^,]*)/g)
  return Array.from(all, ([, kind, name]) => {
    // Node quotes what has a comma or a quote in it.
    const text = name!.startsWith('"') ? (JSON.parse(name!) as string) : name!
    return kind === "IP Address" ? addressOf(text) : text
  })
}

export interface Shown {
  /** Undefined: the client showed none. */
  readonly certificate: Pick<X509Certificate, "subjectAltName"> | undefined
  /** OpenSSL's code; undefined where the certificate is verified. */
  readonly failure: string | undefined
}

export const shownBy = (socket: TLSSocket): Shown => ({
  certificate: socket.getPeerX509Certificate(),
  failure: socket.authorized ? undefined : String(socket.authorizationError)
})

/** Why the client is not let in; undefined where it is. */
export const certificateProblem = (
  { clientAuth, allowedSans }: Pick<TlsConfig, "clientAuth" | "allowedSans">,
  { certificate, failure }: Shown
): string | undefined => {
  if (clientAuth === "NoClientCert" || clientAuth === "RequestClientCert") return undefined
  if (certificate === undefined) return clientAuth === "VerifyClientCertIfGiven" ? undefined : "it shows no certificate"
  if (clientAuth !== "RequireAnyClientCert" && failure !== undefined)
    return Object.hasOwn(words, failure) ? words[failure] : `its certificate is not accepted (${failure})`
  if (allowedSans.length > 0 && !sansOf(certificate).some((name) => allowedSans.includes(name)))
    return "no name of its certificate is among client_allowed_sans"
  return undefined
}
