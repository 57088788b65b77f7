/** Ground: what a demonstration stands on: a broker, processes, and the project's modules, from the packed package or from this checkout. */
import { asPackage } from "../support/asPackage.ts"
import type { KafkaCluster } from "../support/kafka.ts"
import type { RunOptions, Stage } from "../support/processes.ts"

export interface Ground {
  readonly kafka: KafkaCluster
  readonly stage: Stage
  /** The path of a module of the project, by its name. */
  readonly module: (name: string) => string
  /** For every process of the project. */
  readonly options: RunOptions
}

/** The project as it lies in this checkout, run from its source. */
export const fromSource = {
  module: (name: string): string => new URL(`project/${name}.ts`, import.meta.url).pathname,
  options: asPackage
}
