/**
 * SecretFiles: each secret option has a twin that names a file in its place: `--sasl-password-file` of `--sasl-password`. The twin is made of
 * the secret, for every table alike: flag, variable, key of the file, help. Where both are given the file wins.
 */
import { readSecretFile } from "../SecretFile.ts"
import { text } from "./Kind.ts"
import { optionName, type Setting, type Table } from "./Setting.ts"
import { readFailure } from "./SettingsFile.ts"

export const fileKey = (key: string): string => `${key}File`

const path = text("file", "the path of a file")

const twin = (key: string): Setting<string> => ({
  kind: path,
  about: `File that holds --${optionName(key)}, and wins over it; read anew whenever it is used.`
})

/** The table with a twin behind each secret. */
export const withSecretFiles = <T extends Table>(table: T): T =>
  Object.fromEntries(
    Object.entries(table).flatMap(([key, setting]) =>
      setting.secret === true
        ? [
            [key, setting],
            [fileKey(key), twin(key)]
          ]
        : [[key, setting]]
    )
  ) as T

/** What it holds, or why that cannot be read. */
export const secretIn = (file: string): { readonly text: string } | { readonly wrong: string } => {
  try {
    return { text: readSecretFile(file) }
  } catch (error) {
    const why = error instanceof Error && !("code" in error) ? error.message : readFailure(error)
    return { wrong: `the file cannot be used (${why})` }
  }
}
