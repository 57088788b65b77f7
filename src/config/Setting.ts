/**
 * Setting: one option, described once. Its key gives all its names: `groupId` is `--group-id`, K2P_GROUP_ID and `group-id:`
 * in the file; dots stay, as in `web.config.file`, which every exporter has. A command's settings are a table of them; the type of a table gives the type of its values.
 */
import type { Kind } from "./Kind.ts"

/** One option: its kind, and what help says of it. @stable */
export interface Setting<A> {
  /** What texts it takes, and what they mean (`Kind`). */
  readonly kind: Kind<A>
  /** One sentence for `--help`. */
  readonly about: string
  /** In the user's own notation. */
  readonly fallback?: string
  /** What holds where nothing is given, for `--help`, where it is not one value. */
  readonly otherwise?: string
  /** Never printed: not in errors, not in logs, not in status. It may be given in a file, too: see `Resolved.secretFile`. */
  readonly secret?: true
  /** Starting without it is an error. */
  readonly required?: true
  /** Starting without it and without any of these other settings is an error. */
  readonly requiredWithout?: ReadonlyArray<string>
}

/** Settings by key: `groupId` is `--group-id`, K2P_GROUP_ID and `group-id:` in the file. @stable */
export type Table = Readonly<Record<string, Setting<unknown>>>
/** The values of a table of settings, by key: what always has one, and what may be undefined. @stable */
export type Values<T extends Table> = {
  readonly [K in keyof T]: T[K] extends Setting<infer A> & ({ readonly fallback: string } | { readonly required: true })
    ? A
    : T[K] extends Setting<infer A>
      ? A | undefined
      : never
}

/** Keeps the exact shape, so that `Values` knows which settings always have a value. @stable */
export const settings = <const T extends Table>(table: T): T => table

export const optionName = (key: string): string => key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)
export const variableName = (key: string): string => `K2P_${optionName(key).replaceAll(/[-.]/g, "_").toUpperCase()}`
