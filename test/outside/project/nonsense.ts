/** An extension that brings an assignor whose answers are nonsense: all at once, at random, incomplete, to strangers, or none. */
import { Layer } from "effect"
import { Assignor, type Extension, type Holder, settings, type Wish } from "kafka2prom"

const int = (n: number): number => Math.floor(Math.random() * n)

const place = (members: ReadonlyArray<Holder>, keys: ReadonlyArray<string>): Wish => {
  const what = int(5)
  if (what === 0) throw new Error("no idea")
  const wish = new Map(keys.map((key, i) => [key, members[(what === 1 ? i : int(100)) % members.length]!.memberId]))
  if (what === 2) wish.delete(keys[int(keys.length)]!)
  if (what === 3) wish.set(keys[int(keys.length)]!, "nobody")
  return wish
}

export const nonsense = Layer.succeed(Assignor, { name: "nonsense", protocol: "k2p-nonsense", place })

const extension: Extension<null> = {
  name: "nonsense",
  module: import.meta.url,
  settings: settings({}),
  configure: () => ({ value: { settings: null, agreed: {} } }),
  layer: () => nonsense
}

export default extension
