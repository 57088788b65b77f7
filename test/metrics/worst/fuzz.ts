/**
 * fuzz: looks for texts that break what is promised of the reader, or cost more than an ordinary dump, for as long as it is told:
 *
 *     npm run test:fuzz -- [--seconds 60] [--seed n] [--times 10]
 *
 * Prints the dearest chains of texts with their seeds; one of which something is wrong ends it, with exit code 1. `--seed` begins
 * with a seed that was printed; `--times`: what costs more than so many times an ordinary dump is listed.
 */
import { parseArgs } from "node:util"
import { wrongWith } from "./agree.ts"
import { type Cost, costOf } from "./cost.ts"
import { chainOf } from "./grammar.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    times: { type: "string", default: "10" }
  }
})

const until = Date.now() + Number(values.seconds) * 1000
const least = Number(values.times)
const dear: Array<{ readonly seed: number; readonly bytes: number; readonly cost: Cost }> = []
const worstOf = ({ first, next, growth = 0 }: Cost): number => Math.max(first, next, growth)

/** Short ones find what is wrong sooner, long ones show what they cost. */
const sizeOf = (seed: number): number => (seed % 10 === 0 ? 2000 : 30)

let seed = Number(values.seed)
let measured = 0
for (const first = seed; Date.now() < until || seed === first; seed++) {
  const chain = chainOf(seed, sizeOf(seed))
  const wrong = wrongWith(chain)
  if (wrong !== undefined) {
    console.error(`seed ${seed}, ${chain.mode}, ${chain.texts.length} texts: ${wrong}`)
    process.exit(1)
  }
  const cost = sizeOf(seed) > 100 ? costOf(chain, true) : undefined
  if (cost === undefined) continue
  measured++
  dear.push({ seed, bytes: chain.texts.at(-1)!.bytes.length, cost })
  dear.sort((a, b) => worstOf(b.cost) - worstOf(a.cost))
  if (dear.length > 10) dear.pop()
}

console.log(`seeds ${values.seed} to ${seed - 1}: nothing wrong; ${measured} of them measured, the dearest:`)
console.table(
  dear.map(({ seed, bytes, cost: { first, next, growth, counted } }) => ({
    seed,
    bytes,
    "x CPU, first": first.toFixed(1),
    "x CPU, next": next.toFixed(1),
    "x growth": growth?.toFixed(1),
    counted: counted?.toFixed(2),
    "": worstOf({ first, next, growth, counted }) > least ? `over ${least}` : ""
  }))
)
