/** RateLimiter: the configuration's `rate_limit`, a bucket of tokens for all requests together, as exporters have it. Synchronous; times in ms. */
import type { RateLimit } from "./WebSettings.ts"

export class RateLimiter {
  /** When the bucket is full again. */
  private full = 0

  /** Whether this request is answered. A limit that changed counts from now on. */
  allows({ interval, burst }: RateLimit, now: number): boolean {
    const from = Math.max(now, this.full)
    if (from + interval - now > burst * interval) return false
    this.full = from + interval
    return true
  }
}
