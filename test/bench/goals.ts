/** Goals: what a benchmark's figures should be, beside what they are: a table that says by how much a goal is missed. Nothing fails by it. */
import type { Table } from "./Bench.ts"

export interface Goal {
  readonly what: string
  readonly measured: number
  readonly unit?: string
  /** One of the two. */
  readonly atMost?: number
  readonly atLeast?: number
}

export const goalTable = (title: string, goals: ReadonlyArray<Goal>): Table => ({
  title: `Goals: ${title}`,
  columns: [
    { name: "measured", better: "neither", digits: 2 },
    { name: "goal", better: "neither" },
    { name: "reached", better: "neither" }
  ],
  rows: goals.map(({ what, measured, unit = "x", atMost, atLeast }) => ({
    name: unit === "x" ? what : `${what}, ${unit}`,
    cells: [
      measured,
      atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`,
      (atMost === undefined ? measured >= atLeast! : measured <= atMost) ? "yes" : "no"
    ]
  })),
  notes: []
})
