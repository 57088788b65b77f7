/**
 * SettingsFile: the YAML file of `--config`, as texts by option name with their lines. Keys are the options' names; one
 * file may serve several commands, so a key of another command is fine and a key of none is a mistake.
 *
 * No message carries a piece of the file other than a key: any value may be a secret. So the parser's own messages are not used.
 */
import { readFileSync } from "node:fs"
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml"
import { plainOf } from "./Mapping.ts"
import { nearest } from "./Nearest.ts"

export interface FileEntry {
  readonly texts: ReadonlyArray<string>
  readonly line: number
}

export interface SettingsFile {
  readonly path: string
  readonly entries: ReadonlyMap<string, FileEntry>
  readonly problems: ReadonlyArray<string>
}

const maxBytes = 1024 * 1024

/** The text as the user wrote it: a plain `007` or `1e3` stays what it is. Undefined for what is not one value. */
const scalarText = (node: unknown): string | undefined => {
  if (!isScalar(node) || node.value === null) return undefined
  return typeof node.value === "string" ? node.value : (node.source ?? String(node.value))
}

/** What a setting of mappings is given: each item of the sequence as one text. */
const items = (node: unknown): ReadonlyArray<string> | undefined => {
  const all = (isSeq(node) ? node.items : [node]).map(plainOf)
  return all.includes(undefined) || all.includes("") ? undefined : all.map((item) => JSON.stringify(item))
}

/** A scalar, a sequence of scalars, or a mapping (`label: {dc: eu}` means `dc=eu`). */
const texts = (node: unknown): ReadonlyArray<string> | undefined => {
  const all: Array<string> = []
  if (isSeq(node)) {
    for (const item of node.items) {
      const text = scalarText(item)
      if (text === undefined) return undefined
      all.push(text)
    }
    return all
  }
  if (isMap(node)) {
    for (const pair of node.items) {
      const [name, text] = isPair(pair) ? [scalarText(pair.key), scalarText(pair.value)] : []
      if (name === undefined || text === undefined) return undefined
      all.push(`${name}=${text}`)
    }
    return all
  }
  const text = scalarText(node)
  return text === undefined ? undefined : [text]
}

/** `known`: the option names of all commands, with whether their items may be mappings. Pure; `path` is for the messages. */
export const parseSettings = (path: string, content: string, known: ReadonlyMap<string, boolean>): SettingsFile => {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false })
  const entries = new Map<string, FileEntry>()
  const problems: Array<string> = []
  const lineOf = (offset: number): number => lines.linePos(offset).line
  for (const error of [...document.errors, ...document.warnings]) {
    const what = error.code.toLowerCase().replaceAll("_", " ")
    problems.push(`${path}, line ${lineOf(error.pos[0])}: not valid YAML (${what})`)
  }
  if (problems.length > 0) return { path, entries, problems: problems.slice(0, 5) }
  if (document.contents === null) return { path, entries, problems }
  if (!isMap(document.contents))
    return {
      path,
      entries,
      problems: [`${path}: it must hold one "option: value" a line, such as "group-id: metrics-eu"`]
    }
  for (const pair of document.contents.items) {
    const written = scalarText(pair.key)
    const dashed = written?.replaceAll("_", "-")
    // Who copies it from Prometheus' file finds it under the name that it has there.
    const name = dashed !== undefined && known.get(dashed) === true ? dashed : written
    const line = isScalar(pair.key) && pair.key.range ? lineOf(pair.key.range[0]) : 1
    if (name === undefined || !known.has(name)) {
      const guess = name === undefined ? undefined : nearest(name.replaceAll("_", "-"), known.keys())
      const shown =
        name === undefined || name.length > 64
          ? "a key that is no option's name"
          : `unknown key ${JSON.stringify(name)}`
      problems.push(`${path}, line ${line}: ${shown}${guess === undefined ? "" : `, did you mean ${guess}?`}`)
      continue
    }
    const found = known.get(name) === true ? items(pair.value) : texts(pair.value)
    if (found === undefined || found.length === 0)
      problems.push(`${path}, line ${line}: ${name} has no usable value; leave the line out for the default`)
    else entries.set(name, { texts: found, line })
  }
  return { path, entries, problems }
}

export const readSettingsFile = (path: string, known: ReadonlyMap<string, boolean>): SettingsFile => {
  const failed = (why: string): SettingsFile => ({
    path,
    entries: new Map(),
    problems: [`--config is ${JSON.stringify(path)}: ${why}`]
  })
  let content: Uint8Array
  try {
    content = readFileSync(path)
  } catch (error) {
    return failed(`the file cannot be read (${readFailure(error)})`)
  }
  if (content.length > maxBytes) return failed("the file is larger than 1 MiB, so it is hardly a settings file")
  return parseSettings(path, new TextDecoder().decode(content), known)
}

/** Why a file could not be read, for a person. */
export const readFailure = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
  const words: Readonly<Record<string, string>> = {
    ENOENT: "it does not exist",
    EACCES: "no permission",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of its path is not a directory"
  }
  return words[code] ?? code
}
