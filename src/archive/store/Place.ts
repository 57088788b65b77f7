/** Place: where an archive is, as `--to` names it. Pure. */
import { isAbsolute, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export type Place =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "azblob"; readonly account: string; readonly container: string; readonly prefix: string }

export const placeForms = "file:///dir, s3://bucket/prefix or azblob://account/container/prefix"

const part = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/

/** Undefined for what is none. */
export const parsePlace = (text: string): Place | undefined => {
  if (text.startsWith("file:")) return parseFile(text)
  const match = /^(s3|azblob):\/\/([^/]+)(?:\/(.*))?$/.exec(text)
  if (match === null || !part.test(match[2]!)) return undefined
  const [, kind, first, rest = ""] = match
  const path = rest.split("/").filter((each) => each !== "")
  if (path.some((each) => each === "." || each === "..")) return undefined
  if (kind === "s3") return { kind, bucket: first!, prefix: path.join("/") }
  const [container, ...prefix] = path
  if (container === undefined || !part.test(container)) return undefined
  return { kind: "azblob", account: first!, container, prefix: prefix.join("/") }
}

const parseFile = (text: string): Place | undefined => {
  try {
    const path = fileURLToPath(text)
    return isAbsolute(path) && path !== "/" ? { kind: "file", path: resolve(path) } : undefined
  } catch {
    // A host, or an escape that is none.
    return undefined
  }
}

export const formatPlace = (place: Place): string => {
  if (place.kind === "file") return `file://${place.path}`
  const prefix = place.prefix === "" ? "" : `/${place.prefix}`
  return place.kind === "s3" ? `s3://${place.bucket}${prefix}` : `azblob://${place.account}/${place.container}${prefix}`
}
