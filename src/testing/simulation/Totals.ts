/** Totals: what was simulated, in figures, for whoever wants to know how much a "nothing was found" is worth. */
import type { Outcome } from "./World.ts"

/** Sums of what was played. @experimental */
export interface Totals {
  /** Histories that were played. */
  schedules: number
  /** That were played. */
  faults: number
  /** Bodies that were judged. */
  scrapes: number
  /** Values in them. */
  values: number
  /** Of virtual time, of all pods together. */
  podHours: number
  /** Of virtual time. */
  virtualHours: number
  /** Ms of virtual time until everything was whole again after a history's last fault. */
  longestHealing: number
  /** Ms that a source was in no body, where that is judged. */
  longestGap: number
}

export const noTotals = (): Totals => ({
  schedules: 0,
  faults: 0,
  scrapes: 0,
  values: 0,
  podHours: 0,
  virtualHours: 0,
  longestHealing: 0,
  longestGap: 0
})

export const count = (t: Totals, o: Outcome): void => {
  t.schedules += 1
  t.faults += o.faults
  t.scrapes += o.scrapes
  t.values += o.values
  t.podHours += o.podMs / 3_600_000
  t.virtualHours += o.virtualMs / 3_600_000
  t.longestHealing = Math.max(t.longestHealing, o.healedIn)
  t.longestGap = Math.max(t.longestGap, o.longestGap)
}

export const sum = (all: ReadonlyArray<Totals>): Totals => {
  const total = noTotals()
  for (const t of all) {
    for (const key of ["schedules", "faults", "scrapes", "values", "podHours", "virtualHours"] as const)
      total[key] += t[key]
    total.longestHealing = Math.max(total.longestHealing, t.longestHealing)
    total.longestGap = Math.max(total.longestGap, t.longestGap)
  }
  return total
}

export const tell = (t: Totals): string =>
  `${t.schedules} schedules, ${t.faults} faults, ${t.scrapes} scrapes, ${t.values} values judged, ` +
  `${t.podHours.toFixed(1)} pod-hours simulated; healed within ${(t.longestHealing / 1000).toFixed(1)} s` +
  (t.longestGap > 0 ? `, no source away for more than ${(t.longestGap / 1000).toFixed(1)} s` : "")
