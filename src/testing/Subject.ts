/**
 * Subject: an application as the kit tries it: its parts, how its senders speak, and what it shows. The kit lets sources say 1, 2, 3 …,
 * so "older" is "smaller", whatever a record looks like.
 */
import type { Context, Layer } from "effect"
import type { PartitionProcessor } from "../engine/PartitionProcessor.ts"
import type { SelfMetrics } from "../SelfMetrics.ts"
import type { OutgoingRecord, Transport } from "../transport/Transport.ts"

/** A record without its place and its key, which is the name of its source. @experimental */
export type Said = Pick<OutgoingRecord, "value"> & Partial<Pick<OutgoingRecord, "headers">>

/** `R`: what the application brings beside its processor, for `shown` to look at. @experimental */
export interface Subject<R, E = never> {
  /** Built once a pod, so two pods share nothing but what is around both. */
  readonly app: Layer.Layer<PartitionProcessor | R, E, SelfMetrics | Transport>
  /** How a source says `n`, from 1 on: one record, whose key the kit sets to the source's name. */
  readonly says: (source: string, n: number) => Said
  /**
   * By source the `n` that a scrape would show at this instant, of the partitions of these keys (`topic/number`) alone. Called in one step
   * with the cut: at once, and it changes nothing.
   */
  readonly shown: (services: Context.Context<R>, keys: ReadonlyArray<string>) => ReadonlyMap<string, number>
}
