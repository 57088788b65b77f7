/**
 * An assignor of one's own: rendezvous hashing. Each partition goes to the member that it likes best, so when a member comes or goes only
 * partitions move that go to it or were its. Pure: it must answer alike whoever leads.
 */
import { createHash } from "node:crypto"
import { Layer } from "effect"
import { Assignor, type Holder, type Wish } from "kafka2prom/engine"

const liking = (memberId: string, key: string): string =>
  createHash("sha256").update(`${memberId} ${key}`).digest("hex")

export const rendezvous = (members: ReadonlyArray<Holder>, keys: ReadonlyArray<string>): Wish =>
  new Map(
    keys.map((key) => {
      const best = members.reduce((a, b) => (liking(a.memberId, key) >= liking(b.memberId, key) ? a : b))
      return [key, best.memberId]
    })
  )

/** The engine carries a wish out in two steps with one owner at a time; `protocol` is the application's in a pod. */
export const layer: Layer.Layer<Assignor> = Layer.succeed(Assignor, {
  name: "rendezvous",
  protocol: "ours-rendezvous-v1",
  place: rendezvous
})
