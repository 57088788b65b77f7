/**
 * Memo: what a commit says of the object that ends at C, in the engine's memo: enough to find it by name, and to see that what is found is it.
 * Pure codec; what cannot be read counts as none, and the end of the chain is then looked up.
 */
import { type Hour, isHour } from "./Hour.ts"

export interface Memo {
  readonly life: number
  readonly from: number
  readonly to: number
  /** Under which it stands. */
  readonly hour: Hour
  /** Of the object after it. */
  readonly next: Hour
  /** The memory's checksum; null where there is none. */
  readonly memory: string | null
}

const version = "a1"

export const encodeMemo = ({ life, from, to, hour, next, memory }: Memo): string =>
  [version, life, from, to, hour, next, memory ?? "-"].join(" ")

export const decodeMemo = (text: string): Memo | undefined => {
  const [v, life, from, to, hour, next, memory, ...more] = text.split(" ")
  if (v !== version || more.length > 0 || memory === undefined || !isHour(hour) || !isHour(next)) return undefined
  const numbers = [life, from, to].map((digits) => (/^\d{1,16}$/.test(digits!) ? Number(digits) : Number.NaN))
  if (!numbers.every(Number.isSafeInteger)) return undefined
  return { life: numbers[0]!, from: numbers[1]!, to: numbers[2]!, hour, next, memory: memory === "-" ? null : memory }
}
