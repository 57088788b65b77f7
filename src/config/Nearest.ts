/** Nearest: the "did you mean" of a mistyped name. Pure. */
const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    previous = row
  }
  return previous[b.length]!
}

/** The known name that a mistyped one was most likely meant to be; undefined where none is near. */
export const nearest = (name: string, known: Iterable<string>): string | undefined => {
  if (name.length > 64) return undefined
  let best: string | undefined
  let least = Math.max(2, Math.floor(name.length / 4)) + 1
  for (const candidate of known) {
    const d = candidate.startsWith(name) && name.length >= 3 ? 1 : distance(name, candidate)
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}
