/** All four contracts under node:test: kept by parts that are right, and the rule that a wrong part breaks is the case that fails. Run by nodeTest.test.ts. */
import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { Effect, Exit, Layer, Scope } from "effect"
import { Assignor, Backpressure, type Strategy } from "kafka2prom/engine"
import {
  assignorContract,
  backpressureContract,
  type Case,
  durableContract,
  processorContract
} from "kafka2prom/testing"
import { directoryContract } from "../../docs/examples/directory-transport/contract.ts"
import { type DirectoryLog, openDirectoryLog } from "../../docs/examples/directory-transport/DirectoryLog.ts"
import { latestSubject } from "./latest.ts"
import { storeSubject } from "./store.ts"

const kept = (cases: ReadonlyArray<Case>) => {
  for (const { name, run } of cases) it(name, () => Effect.runPromise(run))
}
const broken = (cases: ReadonlyArray<Case>, rule: RegExp) => {
  for (const { name, run } of cases.filter((each) => rule.test(each.name)))
    it(`broken: ${name}`, async () => {
      const { message } = await Effect.runPromise(Effect.flip(run))
      assert.match(message, /expected|what/)
    })
}

describe("Transport", () => {
  const scope = Scope.makeUnsafe()
  let directory: string
  let log: DirectoryLog
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "k2p-node-test-"))
    log = await Effect.runPromise(Scope.provide(openDirectoryLog(directory, { minSessionTimeout: 400 }), scope))
  })
  after(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await rm(directory, { recursive: true })
  })
  kept(directoryContract(() => log))
  broken(
    // Commits that nobody keeps in order: each takes a time of its own.
    directoryContract(() => ({
      ...log,
      transport: {
        ...log.transport,
        groupClient: (options) =>
          Effect.map(log.transport.groupClient(options), (client) => ({
            ...client,
            offsetCommit: (member, commits) =>
              Effect.delay(client.offsetCommit(member, commits), 40 - 2 * commits[0]!.offset)
          }))
      }
    })),
    /stored in the order in which they were sent/
  )
})

describe("PartitionProcessor", () => {
  kept(processorContract(latestSubject()))
  broken(processorContract(latestSubject("keeps what was dropped")), /below the fence was dropped/)
  kept(durableContract(storeSubject()))
  broken(durableContract(storeSubject("commits before it writes")), /not durable, after any batch/)
})

describe("Backpressure", () => {
  const own = (strategy: Pick<Strategy, "decide">) =>
    backpressureContract(
      Backpressure.layer("own", 100, [{ name: "own", about: "a test's", drops: true, ...strategy }]),
      ["own"]
    )
  kept(own({ decide: (q) => (q.records < q.maxRecords && q.bytes < q.maxBytes ? "fetch" : "drop") }))
  const newestFirst: Strategy["decide"] = (q) =>
    q.records < q.maxRecords ? "fetch" : { down: { records: 5, bytes: 5_000 }, rank: ({ offset }) => -offset }
  broken(own({ decide: newestFirst }), /of one source the oldest first/)
})

describe("Assignor", () => {
  kept(assignorContract(Assignor.layer))
  const nonsense = Layer.succeed(Assignor, {
    name: "nonsense",
    protocol: "nonsense-v1",
    place: (_, keys) => new Map(keys.map((key) => [key, "nobody"]))
  })
  broken(assignorContract(nonsense), /leaves none out/)
})
