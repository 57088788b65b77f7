/** Report: tables of a run for people, in Markdown, and how two runs differ. Pure. */
import type { Column, Table } from "./Bench.ts"

const cell = (value: number | string | undefined, { digits = 1 }: Column): string =>
  value === undefined ? "" : typeof value === "string" ? value : value.toFixed(digits)

const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |\n`

const grid = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  line(head) + line(head.map((_, i) => (i === 0 ? "---" : "--:"))) + rows.map(line).join("")

export const markdown = ({ title, columns, rows, notes }: Table): string =>
  `### ${title}\n\n` +
  grid(
    ["", ...columns.map(({ name }) => name)],
    rows.map((row) => [row.name, ...columns.map((column, i) => cell(row.cells[i], column))])
  ) +
  notes.map((note) => `\n${note}\n`).join("")

const change = (before: number, now: number, better: Column["better"]): string => {
  if (before === 0) return ""
  const factor = now / before
  if (Math.abs(factor - 1) < 0.03) return "same"
  const gain = better === "more" ? factor > 1 : factor < 1
  return `${factor.toFixed(2)}x${better === "neither" ? "" : gain ? " better" : " WORSE"}`
}

/** Every number that both runs have: before, now, factor. Tables and rows go by their names. */
export const comparison = (before: ReadonlyArray<Table>, now: ReadonlyArray<Table>): string => {
  let text = ""
  for (const table of now) {
    const then = before.find(({ title }) => title === table.title)
    if (then === undefined) {
      text += `\n${table.title}: not in the earlier run\n`
      continue
    }
    const rows = table.rows.flatMap(({ name, cells }) =>
      cells.flatMap((value, i) => {
        const column = table.columns[i]!
        const old = then.rows.find((row) => row.name === name)?.cells[
          then.columns.findIndex((other) => other.name === column.name)
        ]
        if (typeof value !== "number" || typeof old !== "number" || column.better === "neither") return []
        return [[name, column.name, cell(old, column), cell(value, column), change(old, value, column.better)]]
      })
    )
    text += `\n### ${table.title}: against the earlier run\n\n${grid(["", "", "before", "now", "change"], rows)}`
  }
  return text
}
