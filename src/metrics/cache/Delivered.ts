/**
 * Delivered: how far the content of a partition was in a body that a Prometheus took whole: for `--commit scraped`, where nothing
 * beyond may be committed. One for each incarnation of the partition's actor.
 */
import type { PartitionContent } from "./MetricsCache.ts"

export class Delivered {
  private taken: number
  private delivered: number

  /** `start`: where the incarnation begins. */
  constructor(start: number) {
    this.taken = this.delivered = start
  }

  /** Everything before `position` is in what a look sees from now on. */
  reached(position: number): void {
    this.taken = position
  }

  /** The content, such that a delivered look counts. */
  watching(content: PartitionContent): PartitionContent {
    return {
      ...content,
      look: () => {
        const { taken } = this
        const look = content.look()
        return {
          ...look,
          delivered: () => {
            this.delivered = Math.max(this.delivered, taken)
          }
        }
      }
    }
  }

  /** Of what was shown before `position`, the end of what was delivered. */
  upTo(position: number): number {
    return Math.min(position, this.delivered)
  }
}
