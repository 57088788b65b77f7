/** A group of any size as its leader sees it: partitions dealt out evenly, each with a load. */

import { noClaims } from "../../../src/engine/group/Claims.ts"
import type { Claimant } from "../../../src/engine/group/Grant.ts"
import { partitionKey } from "../../../src/transport/Transport.ts"

export const topic = "metrics"

export const membersOf = (count: number, partitionCount: number) => {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }))
  const loads = new Map(partitions.map((tp) => [partitionKey(tp), 100_000 + ((tp.partition * 7_919) % 50_000)]))
  const members = Array.from({ length: count }, (_, i): Claimant => {
    const live = partitions.filter(({ partition }) => partition % count === i).map(partitionKey)
    return {
      memberId: `kafka2prom-00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
      claims: {
        ...noClaims,
        ...{ generation: 7, sequence: 9, settings: "0123456789abcdef", live },
        loads: new Map(live.map((key) => [key, loads.get(key)!]))
      }
    }
  })
  return { partitions, loads, members, noClaims }
}
