/** The longest turns of the event loop, each case in a fresh process: see `inProcess/turns.ts`. */
import { type Bench, MB, type Row } from "./Bench.ts"
import { goalTable } from "./goals.ts"
import { type Turns, worstCases } from "./inProcess/turns.ts"

const main = new URL("inProcess/turnsMain.ts", import.meta.url).pathname

export const turns: Bench = {
  name: "turns",
  about: "the longest turn of the event loop while the worst records are worked off",
  run: async ({ stage, quick, say }) => {
    const scale = quick ? 0.05 : 1
    const found: Array<readonly [name: string, turns: Turns]> = []
    for (const name of Object.keys(worstCases)) {
      const running = stage.run("turns", process.execPath, [main, name, String(scale)])
      const { code, signal } = await running.ended
      if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}:\n${running.out.stderr}`)
      const measured = JSON.parse(running.out.stdout) as Turns
      say(`${name}: ${measured.longestMs.toFixed(0)} ms`)
      found.push([name, measured])
    }
    const [, ordinary] = found[0]!
    const cpu = (each: Turns): number => each.cpuNsPerByte / ordinary.cpuNsPerByte
    const memory = (each: Turns): number => each.grownPerByte / ordinary.grownPerByte
    const rows = found.map(([name, each]): Row => {
      const { longestMs, wallMs, bytes, cpuNsPerByte, grownPerByte } = each
      return { name, cells: [bytes / MB, longestMs, wallMs, cpuNsPerByte, cpu(each), grownPerByte, memory(each)] }
    })
    const worst = found.slice(1).map(([, each]) => each)
    return [
      {
        title: "Longest turn of the event loop, by what is worked off",
        columns: [
          { name: "input, MB", better: "neither", digits: 2 },
          { name: "longest turn, ms", better: "less", digits: 0 },
          { name: "all of it, ms", better: "less", digits: 0 },
          { name: "CPU ns per byte", better: "less", digits: 1 },
          { name: "against ordinary dumps", better: "less", digits: 1 },
          { name: "grown, bytes per byte", better: "less", digits: 1 },
          { name: "against ordinary dumps, memory", better: "less", digits: 1 }
        ],
        rows,
        notes: ["Input is keys, headers and values. Grown is the resident set after a collection. One run each."]
      },
      goalTable("the worst records", [
        { what: "CPU a byte against ordinary dumps", measured: Math.max(...worst.map(cpu)), atMost: 10 },
        { what: "memory a byte against ordinary dumps", measured: Math.max(...worst.map(memory)), atMost: 10 }
      ])
    ]
  }
}
