/**
 * Delivery: a body on its way: made step by step as the outlet takes it, from the shards' chunks, whose memory goes back to
 * the shard when nobody reads it any more. So a body, however long, is made in the same few chunks, which stay in the CPU's cache.
 */

import type { Outlet } from "../../http/Outlet.ts"
import { joinBody } from "../body/Body.ts"
import type { BodyPlan } from "../body/BodyPlan.ts"
import type { LineChunk } from "../body/LineChunks.ts"
import type { Lines } from "./ShardScrape.ts"

/** Answers when the last byte has left; fails when the client goes before. `sent`: bytes of text that the outlet took. */
export const deliver = async (
  plan: BodyPlan,
  lines: ReadonlyArray<Lines>,
  outlet: Outlet,
  sent: (bytes: number) => void
): Promise<void> => {
  const body = joinBody(plan)
  const current: Array<LineChunk | undefined> = lines.map(() => undefined)
  for (let step = body.next(); step.done !== true; ) {
    if (typeof step.value === "number") {
      const of = lines[step.value]!
      const used = current[step.value]
      // All pieces of it are put.
      if (used !== undefined) outlet.whenTaken(() => of.free(used.bytes.buffer))
      const next = await of.next()
      current[step.value] = next
      step = body.next(next)
    } else {
      await outlet.put(step.value)
      sent(step.value.length)
      step = body.next()
    }
  }
  await outlet.end()
}
