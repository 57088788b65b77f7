/**
 * Corpus: the dumps of the benchmarks without Kafka, by the kind of program that writes them, each as rounds of a few sources in a row.
 * Those of prom-client come from a real process; the others are made with the names, labels, number formats and movements of the
 * real ones (JVM with Micrometer, node_exporter, kube-state-metrics, plain histograms), from fixed seeds. 100 to 125 KB each.
 */
import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Stage } from "../../support/processes.ts"
import { histograms } from "./histograms.ts"
import { jvm } from "./jvm.ts"
import { kubeState } from "./kubeState.ts"
import { nodeExporter } from "./nodeExporter.ts"
import type { SyntheticService } from "./service.ts"

export interface Corpus {
  readonly name: string
  /** By source: its rounds, oldest first. */
  readonly sources: ReadonlyArray<ReadonlyArray<Buffer>>
}

const synthetic = (
  name: string,
  make: (index: number) => SyntheticService,
  sources: number,
  rounds: number
): Corpus => ({
  name,
  sources: Array.from({ length: sources }, (_, index) => {
    const service = make(index)
    return Array.from({ length: rounds }, () => service.round())
  })
})

const script = new URL("promClientDumps.ts", import.meta.url).pathname

const promClient = async (stage: Stage, rounds: number): Promise<Corpus> => {
  const folder = join(stage.dir, "prom-client")
  await mkdir(folder, { recursive: true })
  const { code } = await stage.run("prom-client", process.execPath, [script, folder, String(rounds)]).ended
  if (code !== 0) throw new Error(`the prom-client process ended with ${code}`)
  const files = Array.from({ length: rounds }, (_, round) => readFile(join(folder, `round-${round}.prom`)))
  return { name: "prom-client (a real process)", sources: [await Promise.all(files)] }
}

/** The same with one series less in every other round: no two rounds in a row have the same lines, the worst case for whatever remembers them. */
const comingAndGoing = ({ sources }: Corpus): Corpus => ({
  name: "prom-client, a series comes or goes each round",
  sources: sources.map((rounds) =>
    rounds.map((round, i) =>
      i % 2 === 0 ? round : Buffer.from(round.toString("utf8").replace(/^http_requests_total.*\n/m, ""))
    )
  )
})

export const corpora = async (stage: Stage, sources: number, rounds: number): Promise<ReadonlyArray<Corpus>> => {
  const real = await promClient(stage, rounds)
  return [
    real,
    comingAndGoing(real),
    synthetic("JVM (Micrometer)", jvm, sources, rounds),
    synthetic("node_exporter", nodeExporter, sources, rounds),
    synthetic("kube-state-metrics, long labels", kubeState, sources, rounds),
    synthetic("histograms", histograms, sources, rounds)
  ]
}
