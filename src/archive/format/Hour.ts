/**
 * Hour: the date and hour (UTC) under which an object stands, as `2026-11-28/09`. It is part of the object's name and fixed by the object before it,
 * so nothing here may depend on anybody's clock. A stamp that no log of ours can have goes to `unknown/00`. Pure.
 */

/** `YYYY-MM-DD/HH`, or `unknown/00`. Hours that are known are ordered as texts. */
export type Hour = string

const unknown: Hour = "unknown/00"

const first = Date.UTC(2000, 0)
const end = Date.UTC(2101, 0)

/** Of a record's timestamp, ms since the epoch. */
export const hourOf = (timestamp: number): Hour => {
  if (!(timestamp >= first && timestamp < end)) return unknown
  const iso = new Date(timestamp).toISOString()
  return `${iso.slice(0, 10)}/${iso.slice(11, 13)}`
}

const anHour = 3_600_000

/** Of two stamps of one log, whether the second is of a later hour. */
export const isLaterHour = (before: number, after: number): boolean =>
  Math.floor(after / anHour) > Math.floor(before / anHour)

export const isHour = (text: unknown): text is Hour =>
  typeof text === "string" && (text === unknown || /^\d{4}-\d{2}-\d{2}\/\d{2}$/.test(text))

/** As folders. */
export const folderOf = (hour: Hour): string => {
  const [date, hh] = hour.split("/")
  return `date=${date}/hour=${hh}`
}
