/**
 * LogClock: the time of a partition as its log tells it. It answers one question: the newest record timestamp after a
 * given offset. Decisions that must replay alike ask it, never the pod's clock; and because the answer comes from later
 * records only, an owner that started anywhere before the offset gets the same one.
 *
 * It keeps the suffix maxima of the timestamps, which is one entry while they ascend, as LogAppendTime's do.
 */
const maxEntries = 4096

export class LogClock {
  /** Ascending offsets, strictly descending timestamps. */
  private readonly offsets: Array<number> = []
  private readonly times: Array<number> = []

  /** In offset order. */
  tick(offset: number, timestamp: number): void {
    const { offsets, times } = this
    while (times.length > 0 && times[times.length - 1]! <= timestamp) {
      times.pop()
      offsets.pop()
    }
    // Beyond the bound the oldest maximum goes: memory is then kept longer than it had to be, never shorter.
    if (times.length === maxEntries) {
      times.shift()
      offsets.shift()
    }
    times.push(timestamp)
    offsets.push(offset)
  }

  /** The newest timestamp of the records after `offset`; -Infinity where there is none. */
  after(offset: number): number {
    const { offsets } = this
    let low = 0
    let high = offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (offsets[middle]! > offset) high = middle
      else low = middle + 1
    }
    return low < offsets.length ? this.times[low]! : Number.NEGATIVE_INFINITY
  }
}
