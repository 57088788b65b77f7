/**
 * Sightings: what scrapers saw, and what follows from it. Pure. Scrapes of several scrapers overlap, so the order of their
 * cuts is known only in part: a cut lies between the request's sending and the answer's first byte. One scrape was before another where
 * it was answered before the other was sent; only such pairs are judged, so whatever is found is a fault.
 */
export interface Sighting {
  readonly pod: string
  /** Both by one monotonic clock, ms. */
  readonly sentAt: number
  readonly answeredAt: number
  /** Source to the number of the round that is shown. */
  readonly rounds: ReadonlyMap<string, number>
}

/** One sentence for each value that is older than one whose scrape was over before this one began. */
export const olderValues = (sightings: ReadonlyArray<Sighting>): ReadonlyArray<string> => {
  const bySending = sightings.toSorted((a, b) => a.sentAt - b.sentAt)
  const byAnswer = sightings.toSorted((a, b) => a.answeredAt - b.answeredAt)
  const highest = new Map<string, { readonly round: number; readonly seen: Sighting }>()
  const wrong: Array<string> = []
  let over = 0
  for (const scrape of bySending) {
    for (; over < byAnswer.length && byAnswer[over]!.answeredAt < scrape.sentAt; over++) {
      const seen = byAnswer[over]!
      for (const [source, round] of seen.rounds)
        if (round > (highest.get(source)?.round ?? -1)) highest.set(source, { round, seen })
    }
    for (const [source, round] of scrape.rounds) {
      const before = highest.get(source)
      if (before !== undefined && round < before.round)
        wrong.push(
          `${scrape.pod} shows round ${round} of ${source}, asked ${Math.round(scrape.sentAt - before.seen.answeredAt)} ms ` +
            `after ${before.seen.pod} had shown ${before.round}`
        )
    }
  }
  return wrong
}

/**
 * What was missing for no reason: a source that the pod showed in its first and last of these scrapes and that no other pod
 * showed did not move, so every scrape in between must show it.
 */
export const interruptions = (sightings: ReadonlyArray<Sighting>, pod: string): ReadonlyArray<string> => {
  const own = sightings.filter((s) => s.pod === pod).toSorted((a, b) => a.sentAt - b.sentAt)
  const last = own.at(-1)
  if (last === undefined) return [`${pod} was not scraped`]
  const elsewhere = new Set(sightings.filter((s) => s.pod !== pod).flatMap((s) => [...s.rounds.keys()]))
  const stayed = [...own[0]!.rounds.keys()].filter((source) => last.rounds.has(source) && !elsewhere.has(source))
  const lacking = own.filter((scrape) => stayed.some((source) => !scrape.rounds.has(source)))
  if (lacking.length === 0) return []
  const missing = stayed.filter((source) => lacking.some((scrape) => !scrape.rounds.has(source)))
  const since = (scrape: Sighting) => Math.round(scrape.sentAt - own[0]!.sentAt)
  return [
    `${missing.length} sources that stayed on ${pod} (${missing[0]}, …) were missing from ${lacking.length} of its ` +
      `${own.length} scrapes, ${since(lacking[0]!)} to ${since(lacking.at(-1)!)} ms after the first`
  ]
}

/** The last scrape of each pod. */
export const latest = (sightings: ReadonlyArray<Sighting>): ReadonlyMap<string, Sighting> => {
  const last = new Map<string, Sighting>()
  for (const sighting of sightings)
    if (sighting.sentAt >= (last.get(sighting.pod)?.sentAt ?? -1)) last.set(sighting.pod, sighting)
  return last
}

export interface Absence {
  readonly source: string
  readonly from: string
  readonly to: string
  /** From the sending of the last scrape that showed it to the first answer that showed it again: the scrapes' own pace is in it. */
  readonly ms: number
}

/** How long each source that changed its pod was in no scrape of any pod. Sources that were shown elsewhere without a pause count with what there was between. */
export const absences = (sightings: ReadonlyArray<Sighting>): ReadonlyArray<Absence> => {
  const seen = new Map<string, { pod: string; sentAt: number }>()
  const found: Array<Absence> = []
  for (const scrape of sightings.toSorted((a, b) => a.answeredAt - b.answeredAt))
    for (const source of scrape.rounds.keys()) {
      const before = seen.get(source)
      if (before !== undefined && before.pod !== scrape.pod)
        found.push({ source, from: before.pod, to: scrape.pod, ms: Math.max(0, scrape.answeredAt - before.sentAt) })
      if (before === undefined || before.pod !== scrape.pod || before.sentAt < scrape.sentAt)
        seen.set(source, { pod: scrape.pod, sentAt: scrape.sentAt })
    }
  return found
}
