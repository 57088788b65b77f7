/**
 * WebConfig: a web configuration, whole and valid, with the certificates that it names. It exists whole or not at all: every
 * mistake is a sentence with its file and line.
 */
import type { Outcome } from "../../config/Resolve.ts"
import { readFailure } from "../../config/SettingsFile.ts"
import { Files, readTlsConfig, type TlsConfig } from "./TlsConfig.ts"
import { parseWebSettings, type WebSettings } from "./WebSettings.ts"

export interface WebConfig extends Pick<WebSettings, "users" | "headers" | "rateLimit"> {
  readonly tls: TlsConfig | undefined
  /** The file itself and what it names. */
  readonly files: ReadonlyArray<string>
  /** Of all that these hold. */
  readonly fingerprint: string
}

/** Reads it, at once: it is done at a start, and when something changed. */
export const loadWebConfig = (path: string): Outcome<WebConfig> => {
  const files = new Files()
  let content: string
  try {
    content = files.read(path)
  } catch (error) {
    return {
      problems: [`--web.config.file is ${JSON.stringify(path)}: the file cannot be read (${readFailure(error)})`]
    }
  }
  const parsed = parseWebSettings(path, content)
  if ("problems" in parsed) return parsed
  const { tls: settings, ...rest } = parsed.value
  const problems: Array<string> = []
  const fail = (line: number, sentence: string): void => void problems.push(`${path}, line ${line}: ${sentence}`)
  const tls = settings && readTlsConfig(path, settings, files, fail)
  if (problems.length > 0) return { problems }
  return { value: { ...rest, tls, files: files.paths, fingerprint: files.fingerprint() } }
}

/** What is allowed and still worth a line, `now` in ms since 1970. */
export const warningsOf = ({ tls, users }: WebConfig, now: number): ReadonlyArray<string> => {
  const days = tls === undefined ? Number.POSITIVE_INFINITY : Math.floor((tls.expires - now) / 86_400_000)
  const until = tls === undefined ? "" : new Date(tls.expires).toISOString()
  return [
    ...(users.size > 0 && tls === undefined
      ? ["Passwords come over the network unencrypted: basic_auth_users without tls_server_config."]
      : []),
    ...(days < 0
      ? [`The server's certificate ended at ${until}: no client accepts it.`]
      : days < 14
        ? [`The server's certificate ends at ${until}, in ${days} days.`]
        : [])
  ]
}
