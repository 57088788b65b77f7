/**
 * App: an application of the engine: what is made of the records, and what is shown of it. Metrics are one (metrics/MetricsApp), a
 * team's own is another; a pod knows none of them and none has a door that others lack.
 *
 * An application is a module whose default export is an App, because functions cannot be sent to threads: the main thread loads it for
 * its settings and routes, and every worker thread loads it again for its Layers. What goes from one to the other is plain data.
 */
import type { Layer } from "effect"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import type { Table } from "../config/Setting.ts"
import type { Backpressure, Strategy } from "../engine/Backpressure.ts"
import type { Assignor } from "../engine/group/Assignor.ts"
import type { EngineOptions } from "../engine/Options.ts"
import type { PartitionProcessor } from "../engine/PartitionProcessor.ts"
import type { Route } from "../http/Route.ts"
import type { SelfMetrics, SelfMetricsShape } from "../SelfMetrics.ts"
import type { Transport } from "../transport/Transport.ts"
import type { PodState } from "./PodState.ts"
import type { ShardService } from "./ShardService.ts"

/** Its functions are methods, so that an application of whatever settings is an App. @stable */
export interface App<S = unknown, T extends Table = Table> {
  /** One word of lower case letters. Members of two applications form no group: see `protocolOf`. */
  readonly name: string
  /** Where the group protocol's name has another word for it than its name. */
  readonly groupName?: string
  /** One sentence for help. */
  readonly about: string
  /** `import.meta.url` of the module whose default export this is. */
  readonly module: string
  /** Its options, beside the pod's own and under none of their names: flags, variables, the file's keys, help and status are made of them. */
  readonly settings: T
  /** Of back pressure, by names that help, options, status and the switch know like the built-in ones, whose place they may take. */
  readonly strategies?: ReadonlyArray<Strategy>
  /** Its layer brings the Transport to a log of its own: options of connections are none of the pod's then. */
  readonly ownTransport?: boolean
  /** What they mean together, or sentences that say what is wrong with them. Pure: nothing is started yet. */
  configure(resolved: Resolved<T>): Outcome<Configured<S>>
  /** Its code, which a process that runs something else never loads. */
  load(): Promise<AppParts<S>>
  /** Modules of what is put over it, see `extended`. */
  readonly extensions?: ReadonlyArray<string>
}

/** What an application makes of its options. Plain data, which goes to every thread. @stable */
export interface Configured<S> {
  /** What its shards are started with. Plain data. */
  readonly settings: S
  /** What all members of the group must agree on, members in a fixed order: a difference is shown in status. Plain data. */
  readonly agreed: object
  /** How the engine works for it, where not by default. */
  readonly engine?: Partial<Pick<EngineOptions, "lateness" | "lookback">>
  /** Lines for the log, once at the start. */
  readonly notes?: ReadonlyArray<string>
}

/** The code of an application. Where a function of it throws, the pod does not start, or the answer that it was asked for is lost. @stable */
export interface AppParts<S> {
  /**
   * The settings of each of `count` shards, where a pod has several: shares of its limits, memory that they have together
   * (SharedArrayBuffer). Called once, on the main thread.
   */
  divide?(settings: S, count: number): (shard: number) => S
  /** The Layers of one shard, built anew for each. */
  layer(settings: S): AppLayer
  /** What the pod answers besides its own paths. Called once, on the main thread. */
  readonly surface: (pod: PodState, metrics: SelfMetricsShape) => Surface
}

/** What the pod has for a shard, where nobody brings it. @stable */
export type Usual = Backpressure | Assignor | Transport

/** What a shard is made of besides its engine. @stable */
export type Brought = PartitionProcessor | ShardService | Usual

/**
 * It must bring the first two. The pod's Backpressure, Assignor and Transport are there to build on; its own, where it brings one, goes before
 * them. The Assignor's protocol is the application's in any case.
 * @stable
 */
export type AppLayer = Layer.Layer<PartitionProcessor | ShardService, unknown, Usual | SelfMetrics>

/** What an application adds to the HTTP side of a pod. @stable */
export interface Surface {
  /** Of the first, the log says where it is. */
  readonly routes: ReadonlyArray<Route>
  /** Its own part of `/api/v1/status`. Plain data. */
  readonly status: () => object
}

/** The version of the handoff's rules: members of another one form no group with these. */
const rules = "v1"

/** The name by which members of one group know that they are of one kind. */
export const protocolOf = ({ name, groupName = name }: Pick<App, "name" | "groupName">): string =>
  `k2p-${groupName}-${rules}`
